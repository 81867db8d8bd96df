// Which of a node's addresses stands in its link: there is room for one.

import { CODE_P2P } from '@multiformats/multiaddr'
import type { Multiaddr } from '@multiformats/multiaddr'

/**
 * The best address in binary, without the /p2p part, in a list; empty when there is none. What is announced comes first, as
 * libp2p lists nothing else then; of listen addresses one that is not loopback; TCP before WebSockets.
 */
export function linkAddresses(addresses: readonly Multiaddr[]): readonly Uint8Array[] {
  const [best] = addresses.toSorted((a, b) => rank(a) - rank(b))
  return best === undefined ? [] : [best.decapsulateCode(CODE_P2P).bytes]
}

function rank(address: Multiaddr): number {
  const text = address.toString()
  const loopback = /^\/ip4\/127\.|^\/ip6\/::1\/|^\/dns[46]?\/localhost\//.test(text) ? 2 : 0
  return loopback + (/\/wss?(\/|$)/.test(text) ? 1 : 0)
}
