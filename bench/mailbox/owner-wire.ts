/** A libp2p node under an owner's account that only dials. */
import { createLibp2p } from 'libp2p'
import { systemClock } from '../../net/platform/clock.ts'
import { libp2pKey } from '../../net/platform/identity-codec.ts'
import { silentLogger } from '../../net/platform/silent-logger.ts'
import { transports } from '../../net/platform/transports.ts'
import { libp2pWire } from '../../net/wire.ts'
import type { Wire } from '../../net/ports.ts'
import type { WireComponents } from '../../net/wire.ts'
import type { Account } from '../../protocol/account.ts'

export interface OwnerWire {
  readonly wire: Wire
  readonly stop: () => Promise<void>
}

export async function ownerWire(account: Account): Promise<OwnerWire> {
  let wire: Wire | undefined
  const node = await createLibp2p({
    privateKey: await libp2pKey(account),
    logger: silentLogger,
    addresses: { listen: [] },
    connectionMonitor: { enabled: false },
    ...transports(),
    services: {
      wire: (components: WireComponents) => {
        wire = libp2pWire(components, systemClock)
        return {}
      },
    },
  })
  if (wire === undefined) throw new Error('libp2p made no services')
  return { wire, stop: async () => node.stop() }
}
