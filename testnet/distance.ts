// Distances of the DHT: XOR of SHA-256 hashes, of the key and of a peer's id (libp2p kad-dht specification, "Distance").

import { createHash } from 'node:crypto'
import { fromString } from 'uint8arrays/from-string'
import type { PeerName } from '../net/ports.ts'

/** The peer whose distance to the key is greatest; undefined when there are none. */
export function farthest(key: Uint8Array, peers: readonly PeerName[]): PeerName | undefined {
  const target = sha256(key)
  const distance = (peer: PeerName): bigint => target ^ sha256(fromString(peer, 'base58btc'))
  return peers.toSorted((a, b) => (distance(a) < distance(b) ? 1 : -1))[0]
}

function sha256(bytes: Uint8Array): bigint {
  return BigInt(`0x${createHash('sha256').update(bytes).digest('hex')}`)
}
