/** The contact whose messages have to arrive all the same. Sends by the clock, whether or not what it sent before has arrived. */
import { setTimeout as wait } from 'node:timers/promises'
import { createNode, type Conversation } from '../../node/index.ts'
import { takeOrders } from '../orders.ts'
import type { ContactOrder } from './orders.ts'

const DELIVERED_WITHIN = 60_000

let conversation: Conversation | undefined

takeOrders(async (order: ContactOrder) => {
  if ('link' in order) conversation = await start(order.start, order.link)
  else if (conversation !== undefined) return send(conversation, order.send, order.perSecond)
  return undefined
})

async function start(dir: string, link: string): Promise<Conversation> {
  const network = { listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], lan: false }
  const node = await createNode({ name: 'contact', profile: { dir }, network })
  const contact = await node.contacts.add(link)
  const begun = node.conversation(contact.id)
  await delivered(begun, 'hello')
  return begun
}

/** Milliseconds from when each message was due until the acknowledgement of the recipient. */
async function send(
  to: Conversation,
  count: number,
  perSecond: number,
): Promise<readonly number[]> {
  const began = performance.now()
  const sent: Promise<number>[] = []
  for (let number = 0; number < count; number++) {
    const due = began + (number * 1000) / perSecond
    const early = due - performance.now()
    if (early > 0) await wait(early)
    const text = `message ${number}`.padEnd(100, '.')
    sent.push(delivered(to, text).then(() => performance.now() - due))
  }
  return Promise.all(sent)
}

async function delivered(to: Conversation, text: string): Promise<void> {
  const sent = await to.send(text)
  await sent.until('delivered', { timeout: DELIVERED_WITHIN })
}
