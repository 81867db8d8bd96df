// `sotto demo`: two nodes find each other through the DHT, chat, one is killed while messages arrive, and nothing is lost.
// Everything runs as separate processes on loopback, with their stores on disk; at the end another process opens the stores.
// Light to load, so that the first words come at once; the story is in play.ts.

import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import type { Case } from './judge.ts'
import { StartError, type Entry } from './process.ts'
import { tell, type Teller } from './teller.ts'
import { exactlyOnce, table, type Verdict } from './verdict.ts'
import { warm } from './warm.ts'
import { StoryError } from './watch.ts'

export interface DemoOptions {
  readonly output: Teller
  /** Starts this program again. */
  readonly entry: Entry
  readonly signal: AbortSignal
  /** Leaves the folders where they are. @default false */
  readonly keep?: boolean
}

/** Exit code of a check that failed. */
const CHECK_FAILED = 13

/** Runs the demo. Returns 0 when every message was delivered exactly once, else 13. */
export async function runDemo(options: DemoOptions): Promise<number> {
  const { output, keep = false } = options
  const say = (text: string): Promise<void> => tell(output, text)
  await say(
    'A mailbox, seven DHT peers and two people who want to talk: each a process of its own,',
  )
  await say('all on this machine (127.0.0.1). This takes about half a minute.\n')
  const dir = await mkdtemp(join(tmpdir(), 'sotto-demo-'))
  try {
    const cache = await warm(join(dir, 'cache'))
    const { play } = await import('./play.ts')
    return await conclude(options, await play(options, dir, cache))
  } catch (error) {
    if (!(error instanceof StoryError || error instanceof StartError)) throw error
    await say(`\nThe demo failed: ${error.message}`)
    return CHECK_FAILED
  } finally {
    if (keep) await say(`\nThe folders are in ${dir}`)
    else await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

/** The table, as another process takes it from the stores. */
async function conclude({ output }: DemoOptions, subject: Case): Promise<number> {
  await tell(
    output,
    '\n7  The judge, a process that was not there, opens the stores of all nodes\n',
  )
  const verdict = await askJudge(subject)
  const { acknowledgedAtKill, notAcknowledgedAtKill } = verdict
  const inTheMiddle = acknowledgedAtKill > 0 && notAcknowledgedAtKill > 0
  const passed = exactlyOnce(verdict) && inTheMiddle
  await output.result({ passed, verdict }, table(verdict))
  await tell(output, passed ? '\nEverything arrived, once.' : '\nThis must not be.')
  return passed ? 0 : CHECK_FAILED
}

async function askJudge(subject: Case): Promise<Verdict> {
  const file = import.meta.url.endsWith('.ts') ? './judge-main.ts' : './judge-main.js'
  const child = spawn(process.execPath, [fileURLToPath(new URL(file, import.meta.url))], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.on('error', () => undefined) // a judge that cannot run says so by its output, which is empty then
  child.stdin.end(JSON.stringify(subject))
  const verdict: unknown = await json(child.stdout)
  // Our own program, the same version.
  return verdict as Verdict
}
