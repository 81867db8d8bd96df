/** The node that is flooded: a whole one, as a user of the library has it. */
import { createNode } from '../../node/index.ts'
import { takeOrders } from '../orders.ts'
import type { ReceiverOrder, Target, Usage } from './orders.ts'

takeOrders(async (order: ReceiverOrder) => {
  return 'usage' in order ? usage() : start(order.start)
})

async function start(dir: string): Promise<Target> {
  const network = { listen: ['/ip4/127.0.0.1/tcp/0'], bootstrap: [], lan: false }
  const node = await createNode({ name: 'receiver', profile: { dir }, network })
  node.on('contact.requested', ({ contact }) => {
    void node.contacts.add(node.contacts.get(contact.id).peer)
  })
  const { peer, link } = node.id
  return { peer, link, addresses: node.status.addresses }
}

function usage(): Usage {
  const { user, system } = process.cpuUsage()
  return { memory: process.memoryUsage.rss(), cpu: (user + system) / 1000 }
}
