// Real nodes on loopback.
import type { Libp2p } from '@libp2p/interface'
import { systemClock } from '../../net/platform/clock.ts'
import { directory, type DirectoryOptions } from '../../net/platform/dht.ts'
import { dialPolicy, type DialPolicy } from '../../net/dial-policy.ts'
import { startNetwork, type NetworkOptions } from '../../net/platform/libp2p.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { libp2pWire, type WireComponents } from '../../net/wire.ts'
import type { Directory, Wire } from '../../net/ports.ts'
import type { Account } from '../../protocol/account.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'

export interface TestPeer {
  readonly node: Libp2p
  readonly wire: Wire
  readonly directory: Directory
  readonly account: Account
  /** With /p2p. */
  readonly addresses: readonly string[]
  stop(): Promise<void>
}

export interface TestPeerOptions extends Partial<
  Pick<
    NetworkOptions<Record<string, never>>,
    'listen' | 'bootstrap' | 'datastore' | 'lan' | 'inbound' | 'isKnown'
  >
> {
  readonly account?: Account
  /** @default as for somebody who listens on this machine; `undefined` is what a node has by itself */
  readonly dialPolicy?: DialPolicy | undefined
  readonly dht?: Partial<DirectoryOptions>
}

/** A node with the wire and the DHT and nothing above them. */
export async function testPeer(options: TestPeerOptions = {}): Promise<TestPeer> {
  await ready
  const { account = randomAccount(), listen = [TCP], bootstrap = [], lan = false } = options
  const dht = directory({ clock: systemClock, ...options.dht })
  const policy = 'dialPolicy' in options ? options.dialPolicy : dialPolicy({ listen: [TCP] })
  let components: WireComponents | undefined
  const node = await startNetwork({
    account,
    listen,
    bootstrap,
    lan,
    dht: dht.service,
    services: {
      seen: (all: WireComponents) => {
        components = all
        return {}
      },
    },
    ...(policy && { dialPolicy: policy }),
    ...(options.inbound && { inbound: options.inbound }),
    ...(options.isKnown && { isKnown: options.isKnown }),
    ...(options.datastore === undefined ? {} : { datastore: options.datastore }),
  })
  if (components === undefined) throw new Error('the node has no components')
  return {
    node,
    account,
    wire: libp2pWire(components, systemClock),
    directory: dht.directory,
    addresses: node.getMultiaddrs().map((address) => address.toString()),
    stop: async () => {
      await node.stop()
    },
  }
}

export const TCP = '/ip4/127.0.0.1/tcp/0'
export const WEBSOCKETS = '/ip4/127.0.0.1/tcp/0/ws'

function randomAccount(): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, platformRandom))
}
