// Which of a node's addresses stands in its link: there is room for one.

import { CODE_P2P } from '@multiformats/multiaddr'
import { isSame } from './same.ts'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { MailboxStore } from './store.ts'

/**
 * The best address in binary, without the /p2p part, in a list; empty when there is none. What is announced comes first, as
 * libp2p lists nothing else then; of listen addresses one that is not loopback; TCP before WebSockets.
 */
export function linkAddresses(addresses: readonly Multiaddr[]): readonly Uint8Array[] {
  const [best] = addresses.toSorted((a, b) => rank(a) - rank(b))
  return best === undefined ? [] : [best.decapsulateCode(CODE_P2P).bytes]
}

/** Keeps the address for links that are made while nothing listens. */
export async function rememberAddress(store: MailboxStore, address: Uint8Array): Promise<void> {
  const held = await store.setting('address')
  if (!isSame(held, address)) await store.replaceSetting('address', address, held)
}

function rank(address: Multiaddr): number {
  const text = address.toString()
  const loopback = /^\/ip4\/127\.|^\/ip6\/::1\/|^\/dns[46]?\/localhost\//.test(text) ? 2 : 0
  return loopback + (/\/wss?(\/|$)/.test(text) ? 1 : 0)
}
