/** Who connects to whom, where libp2p asks: before it dials, whoever wants to, and when somebody connects. */
import type { MultiaddrConnection, PeerId } from '@libp2p/interface'
import type { Libp2pOptions } from 'libp2p'
import type { DialPolicy } from '../dial-policy.ts'
import type { InboundDoor } from '../inbound-limits.ts'

type Gater = Required<Libp2pOptions>['connectionGater']

/** Which addresses are dialled. */
export function dialGater(policy: Pick<DialPolicy, 'mayDial'>): Gater {
  return { denyDialMultiaddr: (address) => !policy.mayDial(address.toString()) }
}

/** Who may connect. `isKnown`: whether room is kept for a peer. */
export function inboundGater(
  door: InboundDoor,
  isKnown: (peer: PeerId) => boolean | Promise<boolean>,
): Gater {
  return {
    denyInboundConnection: (connection: MultiaddrConnection) => {
      const leave = door.enter(connection.remoteAddr.toString())
      if (leave === undefined) return true
      connection.addEventListener('close', leave, { once: true })
      if (connection.status !== 'open') leave()
      return false
    },
    denyInboundEncryptedConnection: async (peer) => {
      return !door.mayStay(false) && !door.mayStay(await isKnown(peer))
    },
  }
}
