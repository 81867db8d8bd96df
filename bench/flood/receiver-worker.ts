/** The node that is flooded: a whole one, as a user of the library has it. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createNode } from '../../node/index.ts'
import { takeOrders } from '../orders.ts'
import type { Memory, ReceiverOrder, Target } from './orders.ts'

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

takeOrders(async (order: ReceiverOrder) => {
  if ('cpu' in order) return cpu()
  return 'memory' in order ? memory() : start(order.start)
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

function cpu(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function memory(): Memory {
  const resident = process.memoryUsage.rss()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return { resident, held: heapUsed + external }
}
