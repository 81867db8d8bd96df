// `sotto testnet up`: nodes and mailboxes as processes on loopback. Light to load; the network itself is in network.ts.

import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Processes, type Entry } from './process.ts'
import type { Network } from './network.ts'
import type { Teller } from './teller.ts'
import { warm } from './warm.ts'

export interface TestnetOptions {
  /** Where the folders are made, or found from the last time, and stay. @default a temporary one, removed at the end */
  readonly dir?: string
  readonly nodes: number
  readonly mailboxes: number
  readonly output: Teller
  /** Starts this program again. */
  readonly entry: Entry
  /** Aborting ends the network. */
  readonly signal: AbortSignal
}

/** Starts the network, says how to use it, and runs it until `signal` is aborted. All processes have ended when it resolves. */
export async function testnetUp(options: TestnetOptions): Promise<number> {
  const { output, nodes, mailboxes } = options
  output.talk(`starting ${count(nodes, 'node')} and ${count(mailboxes, 'mailbox', 'mailboxes')}`)
  const dir = options.dir ?? (await mkdtemp(join(tmpdir(), 'sotto-net-')))
  try {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await run(options, dir)
    return 0
  } catch (error) {
    if (!options.signal.aborted) throw error
    return 0 // interrupted while it started
  } finally {
    if (options.dir === undefined) await rm(dir, { recursive: true, force: true, maxRetries: 3 })
  }
}

async function run({ output, entry, signal, nodes, mailboxes }: TestnetOptions, dir: string) {
  const started = performance.now()
  const cache = await warm(join(dir, 'cache'))
  const { startNetwork } = await import('./network.ts')
  await using processes = new Processes(cache)
  const context = { processes, entry, signal }
  const network = await startNetwork(context, { dir, nodes, mailboxes }, (text) =>
    output.talk(text),
  )
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  await output.result(describe(network, dir), usage(network, dir, seconds))
  await untilAborted(signal)
  output.talk('stopping')
}

function describe({ members, boxes }: Network, dir: string): object {
  return {
    dir,
    nodes: members.map(({ name, dir: home, peer, pid }) => ({ name, home, peer, pid })),
    mailboxes: boxes.map(({ name, dir: home, peer, link, pid }) => ({
      name,
      home,
      peer,
      link,
      pid,
    })),
  }
}

function usage({ members, boxes }: Network, dir: string, seconds: string): string {
  const [first, second = first] = members.map(({ name }) => name)
  return [
    `${count(members.length, 'node')}, ${count(boxes.length, 'mailbox', 'mailboxes')}, up in ${seconds} s`,
    ...members.map(({ name, dir: home, pid, peer }) => `  ${name}  ${home}  pid ${pid}  ${peer}`),
    ...boxes.map(({ name, dir: home, pid, peer }) => `  ${name}  ${home}  pid ${pid}  ${peer}`),
    '',
    `Try   sotto --home ${join(dir, first ?? '')} send ${second} "hi"`,
    `      sotto --home ${join(dir, second ?? '')} inbox`,
    'Ctrl-C ends it.',
  ].join('\n')
}

function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
}
