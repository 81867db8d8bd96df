// A program of its own, for a network namespace with nothing but loopback: two nodes, one of which has nothing of the other but
// the PeerId. Prints what arrived.
import { createNode } from '../../node/index.ts'

const network = { listen: ['/ip4/127.0.0.1/tcp/0'], lan: true }
const ada = await createNode({ name: 'ada', network })
const bob = await createNode({ name: 'bob', network })
await ada.contacts.add(bob.id.peer, { name: 'bob' })
const sent = await ada.conversation('bob').send('over the local network')
await sent.until('delivered', { timeout: 40_000 })
const [message] = await bob.messages.list(ada.id.peer)
console.log(message?.kind === 'text' ? message.text : 'nothing')
await Promise.all([ada.stop(), bob.stop()])
