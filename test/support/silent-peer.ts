// A DHT peer that takes records and never answers who asks for one. Started like `sotto up --json`, and says the same when it is ready.
import { mkdir, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { join } from 'node:path'
import { MessageType } from '@libp2p/kad-dht'
import { openHome } from '../../net/platform/home.ts'
import { testPeer } from './network.ts'

const dir = process.argv[process.argv.indexOf('--home') + 1] ?? ''
const settings: { bootstrap: string[] } = JSON.parse(
  await readFile(join(dir, 'settings.json'), 'utf8'),
)
const home = await openHome(dir)
const { node, addresses } = await testPeer({ account: home.account, bootstrap: settings.bootstrap })
silence(node.services['dht'])

const socket = join(dir, 'run', 'sock')
await mkdir(join(dir, 'run'), { recursive: true })
const server = createServer(() => undefined).listen(socket)
await once(server, 'listening')
process.once('SIGTERM', () => process.exit())
console.log(JSON.stringify({ socket, addresses }))

/** Reaches into kad-dht, which has no setting for bad manners. */
function silence(dht: unknown): void {
  const handlers = ['rpc', 'handlers'].reduce<unknown>(
    (of, name) => (typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined),
    dht,
  )
  if (typeof handlers !== 'object' || handlers === null) throw new Error('there is no DHT')
  Reflect.set(handlers, MessageType.GET_VALUE, {
    handle: () => new Promise(() => undefined),
  })
}
