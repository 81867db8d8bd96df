// A program of its own: a node or a mailbox that a test kills, hurts, or runs for long. Loads everything first and says so, so that the
// next one can be ready; then does what it is told, and tells what is accepted and what is refused. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapCodeStatistics } from 'node:v8'
import { exitCodeOf } from '../../cli/exit-codes.ts'
import { hostMailbox, type MailboxHost } from '../../mailbox/main.ts'
import type { Node, Recovery, StoreTrouble } from '../../node/api.ts'
import { createNode } from '../../node/create-node.ts'
import { SottoError } from '../../node/errors.ts'
import { HomeError } from '../../net/platform/home-error.ts'
import { ready } from '../../protocol/crypto.ts'
import { Chatter, type ChatOrder, type Counts } from './chatter.ts'
import { quickClock } from './quick-clock.ts'

/** What is to be started. */
export type Begin =
  | {
      readonly do: 'mailbox'
      readonly dir: string
      readonly listen: string
      /** It has a port for health and metrics, tells its log, and its clock goes so fast. */
      readonly monitored?: { readonly pace: number }
    }
  | {
      readonly do: 'node'
      readonly dir: string
      readonly listen: string
      readonly name: string
      /** Links; of a mailbox to enrol with at the first start. */
      readonly mailbox?: string
      readonly bootstrap?: readonly string[]
      /** Marks as read what comes. */
      readonly reads?: boolean
    }

/** What a parent asks for, one after another. */
export type Order =
  | Begin
  | { readonly do: 'befriend'; readonly link: string; readonly name: string }
  /**
   * Writes until it is killed, told to be quiet, or told to talk again; the texts begin with `prefix`, and a number follows, and where they have to be `length`
   * characters long, what fills them up.
   */
  | {
      readonly do: 'talk'
      readonly to: string
      readonly prefix: string
      readonly length?: number
      /** Messages that may wait for their receipt. */
      readonly most?: number
    }
  | { readonly do: 'be quiet' }
  | { readonly do: 'report'; readonly about: string }
  /** Writes at a steady pace until it is hushed. */
  | ChatOrder
  | { readonly do: 'hush' }
  | { readonly do: 'say'; readonly to: string; readonly texts: readonly string[] }
  /** Does nothing at all for so many ms, as a computer that sleeps. */
  | { readonly do: 'freeze'; readonly ms: number }
  /** Collects its garbage first: needs `--expose-gc`. */
  | { readonly do: 'measure' }
  /** Stops as its user would, and ends. */
  | { readonly do: 'stop' }

export interface Report {
  readonly queued: number
  /** `out text`, `in text`, or what else stands in the history. */
  readonly history: readonly string[]
  readonly diverged: number
  readonly store: StoreTrouble | null
}

export type Told =
  | {
      readonly up: string
      readonly addresses: readonly string[]
      readonly recovery: Recovery | null
      readonly damaged: number
      /** Of a mailbox that is monitored: the port. */
      readonly monitor: number
    }
  /** It did not start, and why. */
  | { readonly failed: string }
  | { readonly done: true }
  | { readonly accepted: string }
  /** The code of the error that `send` rejected with, and the exit code that it stands for. */
  | { readonly refused: string; readonly exit: number }
  /** A line of the log of a mailbox, or what a node says of its store. */
  | { readonly said: string }
  | { readonly shown: string }
  | { readonly report: Report }
  | { readonly measured: Measured }

/** A process as it looks from inside. */
export interface Measured {
  /** Bytes in use after the collection of garbage: of objects, of code that V8 has compiled, and of what objects hold outside of the heap. */
  readonly heap: number
  readonly code: number
  readonly external: number
  /** What keeps the process running: timers, sockets, servers. */
  readonly resources: number
  /** Ms by which the event loop was late at most, since the last time. */
  readonly late: number
  /** Messages that wait for their receipt, to anybody. */
  readonly queued: number
  readonly counts: Counts
}

/** Messages that wait for their receipt. */
const MOST_QUEUED = 30

let node: Node | undefined
let host: MailboxHost | undefined
let chatter: Chatter | undefined
/** Ends what is being written. */
let quiet = new AbortController()
const delay = monitorEventLoopDelay()

await ready
flushCompileCache() // it is killed before it could do so at its end
process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => void obey(order))
process.send?.('loaded')

function tell(told: Told): void {
  process.send?.(told)
}

async function obey(order: Order): Promise<void> {
  if (order.do === 'mailbox') return serve(order).catch(fail)
  if (order.do === 'node') return begin(order).catch(fail)
  if (order.do === 'freeze') return freeze(order.ms)
  if (order.do === 'measure') return tell({ measured: await measured() })
  if (order.do === 'stop') return stop()
  if (node === undefined || chatter === undefined) throw new Error('no node')
  if (order.do === 'talk') return talk(node, order)
  if (order.do === 'be quiet') return quiet.abort()
  if (order.do === 'chat') return chatter.chat(order)
  if (order.do === 'report') return tell({ report: await report(node, order.about) })
  if (order.do === 'befriend') await node.contacts.add(order.link, { name: order.name })
  else if (order.do === 'hush') await chatter.hush()
  else await chatter.say(order.to, order.texts)
  tell({ done: true })
}

async function serve(order: Extract<Order, { do: 'mailbox' }>): Promise<void> {
  const { dir, listen, monitored } = order
  const log = { write: (said: string) => tell({ said }), level: () => 'info' as const }
  host = await hostMailbox({
    profile: { dir },
    listen: [listen],
    joining: { policy: 'open' },
    ...(monitored && {
      clock: quickClock(monitored.pace),
      monitor: { listen: { host: '127.0.0.1', port: 0 }, log },
    }),
  })
  const { damaged } = await host.status()
  const base = { up: host.link, addresses: host.addresses, recovery: null, damaged }
  tell({ ...base, monitor: host.monitor?.port ?? 0 })
}

async function begin(order: Extract<Order, { do: 'node' }>): Promise<void> {
  const { dir, listen, name, mailbox, bootstrap = [] } = order
  const network = { listen: [listen], bootstrap, replication: 2 }
  node = await createNode({ profile: { dir }, name, network })
  node.on('node.store', ({ problem }) => tell({ said: problem ?? 'well' }))
  chatter = new Chatter(node, tell)
  if (order.reads === true) void chatter.read()
  if (mailbox !== undefined && node.mailbox.list().length === 0) await node.mailbox.use(mailbox)
  const { addresses, recovery, damaged } = node.status
  const sum = Object.values(damaged).reduce((a, b) => a + b, 0)
  tell({ up: node.id.link, addresses, recovery, damaged: sum, monitor: 0 })
}

/** It does not start. */
function fail(cause: unknown): void {
  if (!SottoError.is(cause) && !(cause instanceof HomeError)) throw cause
  tell({ failed: cause.code })
}

async function talk(own: Node, order: Extract<Order, { do: 'talk' }>): Promise<void> {
  const { to, prefix, length = 0, most = MOST_QUEUED } = order
  quiet.abort()
  const { signal } = (quiet = new AbortController())
  const conversation = own.conversation(to)
  for (let serial = 0; !signal.aborted; serial++) {
    while (conversation.contact.queued > most && !signal.aborted) await turn(20)
    const text = `${prefix}${serial}`
    try {
      await conversation.send(text.padEnd(length, '_'))
      tell({ accepted: text })
      await turn(serial % 7)
    } catch (error) {
      if (!SottoError.is(error)) throw error
      tell({ refused: error.code, exit: exitCodeOf(error) })
      await turn(100)
    }
  }
}

async function stop(): Promise<void> {
  await chatter?.hush()
  await node?.stop()
  await host?.stop()
  process.send?.({ done: true }, () => process.exit()) // what was told before it has left then
}

function freeze(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

async function measured(): Promise<Measured> {
  if (globalThis.gc === undefined) throw new Error('start it with --expose-gc')
  const late = delay.max / 1e6
  globalThis.gc()
  const { heapUsed, external } = process.memoryUsage()
  const { code_and_metadata_size, bytecode_and_metadata_size } = getHeapCodeStatistics()
  const code = code_and_metadata_size + bytecode_and_metadata_size
  const resources = process.getActiveResourcesInfo().length
  delay.reset()
  delay.enable()
  const accepted = (await host?.status())?.accepted ?? 0
  return {
    ...{ heap: heapUsed - code, code, external, resources, late },
    queued: node?.status.queue.reduce((sum, { count }) => sum + count, 0) ?? 0,
    counts: chatter?.counts ?? { sent: 0, received: accepted, direct: 0, mailbox: accepted },
  }
}

async function report(own: Node, about: string): Promise<Report> {
  const entries = await own.messages.list(about)
  const history = entries.map((entry) =>
    entry.kind === 'text' ? `${entry.direction} ${entry.text.replace(/_+$/, '')}` : entry.kind,
  )
  const { queued, irregularities } = own.contacts.get(about)
  const { store } = own.status
  return { queued, history, diverged: irregularities.diverged, store }
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
