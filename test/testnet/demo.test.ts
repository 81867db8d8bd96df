import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import type { Verdict } from '../../testnet/verdict.ts'

const path = (file: string): string => fileURLToPath(new URL(file, import.meta.url))

interface Ran {
  readonly exit: unknown
  readonly stdout: string
  readonly stderr: string
  /** What it left in its temporary folder. */
  readonly left: readonly string[]
}

async function run(...args: readonly string[]): Promise<Ran> {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'))
  const child = spawn(process.execPath, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, TMPDIR: folder },
  })
  const ended = once(child, 'exit')
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  const [exit]: unknown[] = await ended
  const left = await readdir(folder)
  await rm(folder, { recursive: true, force: true })
  return { exit, stdout, stderr, left }
}

test(
  'the demo: two nodes find each other, chat, crash, and lose nothing',
  { timeout: 120_000 },
  async () => {
    const { exit, stdout, stderr, left } = await run(path('../../cli/main.ts'), 'demo', '--json')
    expect(stdout, stderr).toMatch(/^\{/) // else what went wrong stands on stderr
    const { passed, verdict } = JSON.parse(stdout) as { passed: boolean; verdict: Verdict }
    expect(verdict).toMatchObject({ lost: 0, doubled: 0, foreign: 0, outOfOrder: 0, unproved: 0 })
    expect(verdict.delivered).toBe(verdict.sent)
    expect(verdict.acknowledgedAtKill).toBeGreaterThan(0)
    expect(verdict.notAcknowledgedAtKill).toBeGreaterThan(0)
    expect({ passed, exit }).toEqual({ passed: true, exit: 0 })
    expect(left).toEqual([])

    const holders = /It is held by (.*), not by (.*)\./.exec(stderr)
    const [, holding = '', without = ''] = holders ?? []
    const answered = /Bundle found through the DHT: (\w+) answered/.exec(stderr)?.[1] ?? ''
    expect([...holding.split(/, | and /), 'mailbox']).toContain(answered)
    const friend = /of the network only\n\s+(\w+), who does not hold/.exec(stderr)?.[1] ?? ''
    expect(without.split(/, | and /)).toContain(friend)
    expect(stderr).toContain(
      'Session class: one-time keys (from her mailbox, used once and gone), post-quantum',
    )
    expect(stderr).toMatch(/in mailbox, each with a signed receipt: kept until \d{4}-\d\d-\d\d/)
  },
)

test(
  'the demo fails when the DHT takes bundles and gives none out',
  { timeout: 120_000 },
  async () => {
    const { exit, stdout, left } = await run(path('../support/silent-demo.ts'))
    expect(stdout).toMatch(
      /The demo failed: bob found the bundle of ada in the DHT: not within 30 s/,
    )
    expect(stdout).not.toContain('Everything arrived')
    expect(exit).toBe(13)
    expect(left).toEqual([])
  },
)

test('a demo that is interrupted leaves nothing behind', { timeout: 120_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'demo-'))
  const child = spawn(process.execPath, [path('../../cli/main.ts'), 'demo'], {
    stdio: ['ignore', 'pipe', 'ignore'],
    env: { ...process.env, TMPDIR: folder },
  })
  const ended = once(child, 'exit')
  let said = ''
  child.stdout.on('data', (chunk) => {
    const before = said
    said += String(chunk)
    const now = 'DHT peers, with'
    if (said.includes(now) && !before.includes(now)) child.kill('SIGINT')
  })
  expect(await ended).toEqual([130, null])
  const pids = [...said.matchAll(/\((\d+)\)/g)].map(([, pid]) => Number(pid))
  expect(pids).toHaveLength(7)
  expect(pids.filter(isAlive)).toEqual([])
  expect(await readdir(folder)).toEqual([])
  await rm(folder, { recursive: true })
})

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
