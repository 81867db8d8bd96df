// A program of its own: a node or a mailbox that a test kills, or runs for long. Loads everything first and says so, so that the next
// one can be ready; then does what it is told, and tells what it has accepted. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { getHeapCodeStatistics } from 'node:v8'
import { hostMailbox, type MailboxHost } from '../../mailbox/main.ts'
import type { Node, Recovery } from '../../node/api.ts'
import { createNode } from '../../node/create-node.ts'
import { ready } from '../../protocol/crypto.ts'
import { Chatter, type ChatOrder, type Counts } from './chatter.ts'

/** What a parent asks for, one after another. */
export type Order =
  | { readonly do: 'mailbox'; readonly dir: string; readonly listen: string }
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
  | { readonly do: 'befriend'; readonly link: string; readonly name: string }
  /** Writes until it is killed; the texts begin with `prefix`, and a number follows. */
  | { readonly do: 'talk'; readonly to: string; readonly prefix: string }
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
}

export type Told =
  | {
      readonly up: string
      readonly addresses: readonly string[]
      readonly recovery: Recovery | null
      readonly damaged: number
    }
  | { readonly done: true }
  | { readonly accepted: string }
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
  if (order.do === 'mailbox') return serve(order)
  if (order.do === 'node') return begin(order)
  if (order.do === 'freeze') return freeze(order.ms)
  if (order.do === 'measure') return tell({ measured: await measured() })
  if (order.do === 'stop') return stop()
  if (node === undefined || chatter === undefined) throw new Error('no node')
  if (order.do === 'talk') return talk(node, order)
  if (order.do === 'chat') return chatter.chat(order)
  if (order.do === 'report') return tell({ report: await report(node, order.about) })
  if (order.do === 'befriend') await node.contacts.add(order.link, { name: order.name })
  else if (order.do === 'hush') await chatter.hush()
  else await chatter.say(order.to, order.texts)
  tell({ done: true })
}

async function serve({ dir, listen }: Extract<Order, { do: 'mailbox' }>): Promise<void> {
  host = await hostMailbox({
    profile: { dir },
    listen: [listen],
    joining: { policy: 'open' },
  })
  const { damaged } = await host.status()
  tell({ up: host.link, addresses: host.addresses, recovery: null, damaged })
}

async function begin(order: Extract<Order, { do: 'node' }>): Promise<void> {
  const { dir, listen, name, mailbox, bootstrap = [] } = order
  const network = { listen: [listen], bootstrap, replication: 2 }
  node = await createNode({ profile: { dir }, name, network })
  chatter = new Chatter(node, tell)
  if (order.reads === true) void chatter.read()
  if (mailbox !== undefined && node.mailbox.list().length === 0) await node.mailbox.use(mailbox)
  const { addresses, recovery, damaged } = node.status
  const sum = Object.values(damaged).reduce((a, b) => a + b, 0)
  tell({ up: node.id.link, addresses, recovery, damaged: sum })
}

async function talk(own: Node, { to, prefix }: Extract<Order, { do: 'talk' }>): Promise<void> {
  const conversation = own.conversation(to)
  for (let serial = 0; ; serial++) {
    while (conversation.contact.queued > MOST_QUEUED) await turn(20)
    await conversation.send(`${prefix}${serial}`)
    tell({ accepted: `${prefix}${serial}` })
    await turn(serial % 7)
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
    entry.kind === 'text' ? `${entry.direction} ${entry.text}` : entry.kind,
  )
  const { queued, irregularities } = own.contacts.get(about)
  return { queued, history, diverged: irregularities.diverged }
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
