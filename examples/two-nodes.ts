// Two nodes in one program say hello. In a project of your own: import { createNode } from 'sotto'
import { createNode } from '../node/index.ts'

const network = { listen: ['/ip4/127.0.0.1/tcp/0'] }
await using ada = await createNode({ name: 'ada', network })
await using bob = await createNode({ name: 'bob', network })

const toAda = await bob.contacts.add(ada.id.link, { name: 'ada' })
const sent = await bob.conversation(toAda.id).send('hello, ada')
const { state } = await sent.until('delivered', { timeout: 10_000 })

for await (const event of ada.events({ types: ['message.received'], from: 'start' })) {
  if (event.type === 'message.received') console.log(`${state}: ${event.message.text}`)
  break
}
