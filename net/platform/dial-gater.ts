/** The dial policy where libp2p asks before it dials, whoever wants to: we, the DHT, or what it knows of a peer. */
import { MAX_DIALLED_ADDRESSES, type DialPolicy } from '../dial-policy.ts'
import type { Libp2pOptions } from 'libp2p'

/** A part of libp2p's options: which addresses are dialled, and how many of one peer. */
export function gated(policy: Pick<DialPolicy, 'mayDial'>): {
  readonly gater: Required<Libp2pOptions>['connectionGater']
  readonly maxPeerAddrsToDial: number
} {
  return {
    gater: { denyDialMultiaddr: (address) => !policy.mayDial(address.toString()) },
    maxPeerAddrsToDial: MAX_DIALLED_ADDRESSES,
  }
}
