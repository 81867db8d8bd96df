import type { Libp2p } from '@libp2p/interface'
import { directory } from '../../net/platform/dht.ts'
import { dialPolicy } from '../../net/dial-policy.ts'
import { startNetwork } from '../../net/platform/libp2p.ts'
import { platformRandom } from '../../net/platform/random.ts'
import type { Clock, Wire } from '../../net/ports.ts'
import { libp2pWire, type WireComponents } from '../../net/wire.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'

/** A node with a name that stays, and its wire. */
export async function startNode(
  listen: readonly string[],
  clock: Clock,
): Promise<{ readonly node: Libp2p; readonly wire: Wire }> {
  await ready
  let wire: Wire | undefined
  const node = await startNetwork({
    account: accountFromSeed(generateSecret('AccountSeed', 32, platformRandom)),
    listen,
    dialPolicy: dialPolicy({ listen: ['/ip4/127.0.0.1/tcp/0'] }),
    bootstrap: [],
    lan: false,
    dht: directory({ clock }).service,
    services: {
      wire: (components: WireComponents) => {
        wire = libp2pWire(components, clock)
        return {}
      },
    },
  })
  if (wire === undefined) throw new Error('libp2p made no services')
  return { node, wire }
}
