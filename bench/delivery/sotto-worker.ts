/** A whole node as a user of the library has it, with its profile on disk. */
import { createNode } from '../../node/index.ts'
import type { Deliver } from './jobs.ts'
import { work } from './worker.ts'

const DELIVERED_WITHIN = 30_000

const network = { listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], lan: false }

async function receive(dir: string): Promise<string> {
  const node = await createNode({ name: 'receiver', profile: { dir }, network })
  // Of a stranger only the first hundred messages are taken.
  node.on('contact.requested', ({ contact }) => {
    void node.contacts.add(node.contacts.get(contact.id).peer)
  })
  return node.id.link
}

async function send(dir: string, meet: string): Promise<Deliver> {
  const node = await createNode({ name: 'sender', profile: { dir }, network })
  const contact = await node.contacts.add(meet)
  const conversation = node.conversation(contact.id)
  const deliver = async (text: string): Promise<void> => {
    const sent = await conversation.send(text)
    await sent.until('delivered', { timeout: DELIVERED_WITHIN })
  }
  await deliver('hello')
  return deliver
}

work({ receive, send })
