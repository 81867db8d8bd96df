// A program of its own: a node or a mailbox that a test kills. Loads everything first and says so, so that the next one can be ready;
// then does what it is told, and tells what it has accepted. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { hostMailbox } from '../../mailbox/main.ts'
import type { Node, Recovery } from '../../node/api.ts'
import { createNode } from '../../node/create-node.ts'
import { ready } from '../../protocol/crypto.ts'

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
    }
  | { readonly do: 'befriend'; readonly link: string; readonly name: string }
  /** Writes until it is killed; the texts begin with `prefix`, and a number follows. */
  | { readonly do: 'talk'; readonly to: string; readonly prefix: string }
  | { readonly do: 'report'; readonly about: string }

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
  | { readonly report: Report }

/** Messages that wait for their receipt. */
const MOST_QUEUED = 30

let node: Node | undefined

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
  if (node === undefined) throw new Error('no node')
  if (order.do === 'befriend') {
    await node.contacts.add(order.link, { name: order.name })
    tell({ done: true })
  } else if (order.do === 'talk') await talk(node, order)
  else tell({ report: await report(node, order.about) })
}

async function serve({ dir, listen }: Extract<Order, { do: 'mailbox' }>): Promise<void> {
  const host = await hostMailbox({
    profile: { dir },
    listen: [listen],
    joining: { policy: 'open' },
  })
  const { damaged } = await host.status()
  tell({ up: host.link, addresses: host.addresses, recovery: null, damaged })
}

async function begin(order: Extract<Order, { do: 'node' }>): Promise<void> {
  const { dir, listen, name, mailbox } = order
  node = await createNode({ profile: { dir }, name, network: { listen: [listen], replication: 2 } })
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
