// A program of its own: a node or a mailbox on a disk that a test hurts. Says when it has loaded everything; then does what it is told,
// and tells what is accepted and what is refused. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { exitCodeOf } from '../../cli/exit-codes.ts'
import { hostMailbox, type MailboxHost } from '../../mailbox/main.ts'
import type { Node, Recovery, StoreTrouble } from '../../node/api.ts'
import { createNode } from '../../node/create-node.ts'
import { SottoError } from '../../node/errors.ts'
import { HomeError } from '../../net/platform/home-error.ts'
import { ready } from '../../protocol/crypto.ts'
import { quickClock } from './quick-clock.ts'

/** What a parent asks for, one after another. */
export type Order =
  | {
      readonly do: 'mailbox'
      readonly dir: string
      readonly listen: string
      /** How fast its clock goes. */
      readonly pace: number
    }
  | {
      readonly do: 'node'
      readonly dir: string
      readonly listen: string
      readonly name: string
      /** Links; of a mailbox to enrol with at the first start. */
      readonly mailbox?: string
    }
  | { readonly do: 'befriend'; readonly link: string; readonly name: string }
  /**
   * Writes until it is killed, told to be quiet, or told to talk again; the texts begin with `prefix`, and a number follows, and where they have to be `length`
   * characters long, what fills them up.
   */
  | {
      readonly do: 'talk'
      readonly to: string
      readonly prefix: string
      readonly length: number
      /** Messages that may wait for their receipt. */
      readonly most: number
    }
  | { readonly do: 'be quiet' }
  | { readonly do: 'report'; readonly about: string }
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
      /** Of a mailbox: the port of health and metrics. */
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
  | { readonly report: Report }

let node: Node | undefined
let mailbox: MailboxHost | undefined
/** Ends what is being written. */
let quiet = new AbortController()

await ready
flushCompileCache() // the others load the same
process.on('disconnect', () => process.exit())
process.on('message', (order: Order) => void obey(order))
process.send?.('loaded')

function tell(told: Told): void {
  process.send?.(told)
}

async function obey(order: Order): Promise<void> {
  if (order.do === 'mailbox') return serve(order).catch(fail)
  if (order.do === 'node') return begin(order).catch(fail)
  if (order.do === 'stop') return stop()
  if (node === undefined) throw new Error('no node')
  if (order.do === 'befriend') {
    await node.contacts.add(order.link, { name: order.name })
    tell({ done: true })
  } else if (order.do === 'talk') await talk(node, order)
  else if (order.do === 'be quiet') quiet.abort()
  else tell({ report: await report(node, order.about) })
}

async function serve(order: Extract<Order, { do: 'mailbox' }>): Promise<void> {
  const { dir, listen, pace } = order
  const host = await hostMailbox({
    clock: quickClock(pace),
    profile: { dir },
    listen: [listen],
    joining: { policy: 'open' },
    monitor: {
      listen: { host: '127.0.0.1', port: 0 },
      log: { write: (said) => tell({ said }), level: () => 'info' },
    },
  })
  mailbox = host
  const { damaged } = await host.status()
  const base = { up: host.link, addresses: host.addresses, recovery: null, damaged }
  tell({ ...base, monitor: host.monitor?.port ?? 0 })
}

async function begin(order: Extract<Order, { do: 'node' }>): Promise<void> {
  const { dir, listen, name } = order
  node = await createNode({ profile: { dir }, name, network: { listen: [listen], replication: 2 } })
  node.on('node.store', ({ problem }) => tell({ said: problem ?? 'well' }))
  if (order.mailbox !== undefined && node.mailbox.list().length === 0) {
    await node.mailbox.use(order.mailbox)
  }
  const { addresses, recovery, damaged } = node.status
  const sum = Object.values(damaged).reduce((a, b) => a + b, 0)
  tell({ up: node.id.link, addresses, recovery, damaged: sum, monitor: 0 })
}

/** It does not start. */
function fail(cause: unknown): void {
  if (!SottoError.is(cause) && !(cause instanceof HomeError)) throw cause
  tell({ failed: cause.code })
}

async function stop(): Promise<void> {
  await node?.stop()
  await mailbox?.stop()
  process.disconnect()
}

async function talk(own: Node, order: Extract<Order, { do: 'talk' }>): Promise<void> {
  const { to, prefix, length, most } = order
  quiet.abort()
  const { signal } = (quiet = new AbortController())
  const conversation = own.conversation(to)
  for (let serial = 0; !signal.aborted; serial++) {
    while (conversation.contact.queued > most && !signal.aborted) await turn(20)
    const text = `${prefix}${serial}`
    try {
      await conversation.send(text.padEnd(length, '.'))
      tell({ accepted: text })
      await turn(serial % 7)
    } catch (error) {
      if (!SottoError.is(error)) throw error
      tell({ refused: error.code, exit: exitCodeOf(error) })
      await turn(100)
    }
  }
}

async function report(own: Node, about: string): Promise<Report> {
  const entries = await own.messages.list(about)
  const history = entries.map((entry) =>
    entry.kind === 'text' ? `${entry.direction} ${entry.text.replace(/\.+$/, '')}` : entry.kind,
  )
  const { queued, irregularities } = own.contacts.get(about)
  const { store } = own.status
  return { queued, history, diverged: irregularities.diverged, store }
}

function turn(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms))
}
