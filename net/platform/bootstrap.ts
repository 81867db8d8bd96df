import { multiaddr } from '@multiformats/multiaddr'
import { backoff } from '../backoff.ts'
import type { Connection, Libp2p, PeerId } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Clock, Timer } from '../ports.ts'

const DIAL_MS = 10_000
const FIRST_DELAY_MS = 1000
const MAX_DELAY_MS = 60_000

export interface DiallingOptions {
  readonly clock: Clock
  readonly random: RandomBytes
}

/**
 * Keeps a connection to each of these addresses: dials at once, again with back-off after a failure, and again after the
 * connection was lost. (libp2p's own bootstrap list is dialled once.) Returns the function that ends it. Throws when an address
 * is not a multiaddr.
 */
export function keepDialling(
  node: Pick<Libp2p, 'dial' | 'getConnections' | 'addEventListener' | 'removeEventListener'>,
  addresses: readonly string[],
  { clock, random }: DiallingOptions,
): () => void {
  const stopped = new AbortController()
  const targets = addresses.map((address) => new Target(multiaddr(address)))

  const dial = async (target: Target): Promise<void> => {
    try {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_MS)])
      target.connected(await node.dial(target.address, { signal }))
    } catch {
      // Whatever it was: it is tried again, and nobody waits for it.
      again(target)
    }
  }
  const again = (target: Target): void => {
    if (stopped.signal.aborted) return
    const delay = backoff(target.failures++, { base: FIRST_DELAY_MS, max: MAX_DELAY_MS, random })
    target.timer = clock.after(delay, () => void dial(target))
  }
  const onDisconnect = ({ detail: peer }: CustomEvent<PeerId>): void => {
    for (const target of targets) if (target.lost(peer)) again(target)
  }

  node.addEventListener('peer:disconnect', onDisconnect)
  for (const target of targets) void dial(target)
  return () => {
    stopped.abort()
    node.removeEventListener('peer:disconnect', onDisconnect)
    for (const target of targets) target.timer?.cancel()
  }
}

class Target {
  readonly address: Multiaddr
  failures = 0
  timer: Timer | undefined
  #peer: PeerId | undefined

  constructor(address: Multiaddr) {
    this.address = address
  }

  connected(connection: Connection): void {
    this.failures = 0
    this.#peer = connection.remotePeer
  }

  /** Whether it was this one's connection that ended. */
  lost(peer: PeerId): boolean {
    if (this.#peer?.equals(peer) !== true) return false
    this.#peer = undefined
    return true
  }
}
