// A program of its own: two sealed nodes and a sealed mailbox on loopback, which write to each other and run into every error
// that is easy to have. What it must not show comes by its input, one JSON document; what goes wrong is printed in full. Says
// `ready` on stdout, and stops everything when a second line comes.
import { createInterface } from 'node:readline'
import { inspect } from 'node:util'
import { hostMailbox } from '../../mailbox/index.ts'
import { createNode, type Node } from '../../node/index.ts'

interface Task {
  readonly dirs: readonly [string, string, string]
  readonly passphrase: string
  readonly texts: readonly [string, string, string]
  readonly name: string
}

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const { dirs, passphrase, texts, name } = JSON.parse(await nextLine()) as Task
const unlock = async (): Promise<string> => passphrase
const listen = ['/ip4/127.0.0.1/tcp/0']
const WAIT = { timeout: 60_000 }

const mailbox = await hostMailbox({
  ...{ profile: { dir: dirs[2] }, passphrase, unlock, listen, replication: 1 },
})
const network = { listen, bootstrap: mailbox.addresses, replication: 1 }
const ada = await createNode({ profile: { dir: dirs[0] }, name: 'ada', unlock, network })
let bob = await openBob()
await bob.mailbox.use(mailbox.link)
await ada.contacts.add(bob.id.link, { name })
await bob.contacts.add(ada.id.link, { name })
await (await ada.conversation(name).send(texts[0])).until('delivered', WAIT)
await (await bob.conversation(name).send(texts[1])).until('delivered', WAIT)
await bob.stop()
await (await ada.conversation(name).send(texts[2])).until('stored', WAIT)

await failing(() => openBob('not it'))
await failing(() => createNode({ profile: { dir: dirs[0] }, unlock }))
await failing(() => createNode({ profile: { dir: dirs[1] } }))
await failing(() => ada.contacts.verify(name, '12345'))
await failing(() => ada.contacts.add('SOTTO:C/1/AAAA', { name }))
await failing(() => ada.conversation(name).send(texts[0].repeat(10_000)))
await failing(() => ada.conversation(name).send(texts[0], { requireVerified: true }))
await failing(() => ada.mailbox.use('SOTTO:M/1/AAAA'))
bob = await openBob()
await received(bob, texts[2])
await failing(async () => {
  const late = await ada.conversation(name).send(texts[1])
  await late.until('read', { timeout: 200 })
})
process.stderr.write(`${inspect([ada, bob, mailbox], { depth: Infinity, showHidden: true })}\n`)
process.stdout.write('ready\n')
await nextLine()
await ada.stop()
await bob.stop()
await mailbox.stop()
await failing(() => ada.conversation(name).send(texts[0]))
process.exit(0)

function openBob(words = passphrase): Promise<Node> {
  return createNode({ profile: { dir: dirs[1] }, name: 'bob', unlock: async () => words, network })
}

async function received(node: Node, text: string): Promise<void> {
  const signal = AbortSignal.timeout(WAIT.timeout)
  for await (const event of node.events({ from: 'start', types: ['message.received'], signal })) {
    if (event.type === 'message.received' && event.message.text === text) return
  }
  throw new Error('a message has not come')
}

async function failing(task: () => Promise<unknown>): Promise<void> {
  try {
    await task()
  } catch (error) {
    const all = inspect(error, { depth: Infinity, showHidden: true, maxArrayLength: Infinity })
    process.stderr.write(`${all}\n${JSON.stringify(error)}\n`)
    return
  }
  throw new Error('this should have failed')
}

async function nextLine(): Promise<string> {
  const { value } = await lines.next()
  return typeof value === 'string' ? value : '{}'
}
