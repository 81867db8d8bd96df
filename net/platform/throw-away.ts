/**
 * Names to be thrown away: libp2p nodes that only dial. Such a node shares nothing with the named one, neither key nor
 * connections, peer store or DHT, and has none of the services that tell about a node: no identify, no ping, no discovery.
 */
import { createLibp2p } from 'libp2p'
import { accountFromSeed } from '../../protocol/account.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { libp2pWire } from '../wire.ts'
import { dialGater } from './gater.ts'
import { libp2pKey } from './identity-codec.ts'
import { silentLogger } from './silent-logger.ts'
import { transports } from './transports.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import { MAX_DIALLED_ADDRESSES, type DialPolicy } from '../dial-policy.ts'
import type { Clock, ThrowAwayWire, ThrowAwayWires, Wire } from '../ports.ts'
import type { WireComponents } from '../wire.ts'

export interface ThrowAwayInit {
  readonly clock: Clock
  /** The platform's generator: every name is a new key. */
  readonly random: RandomBytes
  /** Which addresses are dialled. @default all */
  readonly dialPolicy?: Pick<DialPolicy, 'mayDial'>
}

/** Over TCP and WebSockets. */
export function throwAwayWires(init: ThrowAwayInit): ThrowAwayWires {
  return { make: () => make(init) }
}

async function make({
  clock,
  random,
  dialPolicy = { mayDial: () => true },
}: ThrowAwayInit): Promise<ThrowAwayWire> {
  await ready
  const account = accountFromSeed(generateSecret('AccountSeed', 32, random))
  let wire: Wire | undefined
  const node = await createLibp2p({
    privateKey: await libp2pKey(account),
    logger: silentLogger,
    addresses: { listen: [] },
    connectionMonitor: { enabled: false }, // whoever waits for an answer has a deadline
    ...transports(),
    connectionGater: dialGater(dialPolicy),
    connectionManager: { maxPeerAddrsToDial: MAX_DIALLED_ADDRESSES },
    services: {
      wire: (components: WireComponents) => {
        wire = libp2pWire(components, clock)
        return {}
      },
    },
  })
  account.seed.wipe()
  if (wire === undefined) throw new Error('libp2p made no services')
  const { self } = wire
  return {
    self,
    open: wire.open.bind(wire),
    stop: async () => {
      await Promise.resolve(node.stop()).catch(() => undefined) // it is of no use to anybody any more
    },
  }
}
