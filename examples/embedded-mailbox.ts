// A mailbox in a libp2p node that you have already. In a project of your own: import { mailbox } from 'sotto/mailbox'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { MemoryLevel } from 'memory-level'
import { mailbox } from '../mailbox/index.ts'
import { createNode } from '../node/index.ts'

// In memory for the example. Use `level` on a disk, and keep the data key in a safe place.
const store = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
const dataKey = crypto.getRandomValues(new Uint8Array(32))

const libp2p = await createLibp2p({
  addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
  transports: [tcp()],
  connectionEncrypters: [noise()],
  streamMuxers: [yamux({ streamOptions: { maxStreamWindowSize: 1024 * 1024 } })],
  services: { identify: identify(), mailbox: mailbox({ store, dataKey }) },
})

const network = { listen: ['/ip4/127.0.0.1/tcp/0'] }
const bob = await createNode({ name: 'bob', network, mailbox: [libp2p.services.mailbox.link()] })
const address = bob.id.link
await bob.stop()

await using ada = await createNode({ name: 'ada', network })
const toBob = await ada.contacts.add(address, { name: 'bob' })
const sent = await ada.conversation(toBob.id).send('for later')
const { state } = await sent.until('stored', { timeout: 20_000 })
const { waiting } = await libp2p.services.mailbox.status()
console.log(`${state}: ${waiting} envelopes wait for bob`)

await ada.stop()
await libp2p.stop()
await store.close()
