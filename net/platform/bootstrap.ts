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
 * connection was lost. The node's own address is left out. (libp2p's own bootstrap list is dialled once.) Returns the function that ends it. Throws when an address
 * is not a multiaddr.
 */
export function keepDialling(
  node: Pick<Libp2p, 'peerId' | 'dial' | 'addEventListener' | 'removeEventListener'>,
  addresses: readonly string[],
  { clock, random }: DiallingOptions,
): () => void {
  const stopped = new AbortController()
  const targets = addresses
    .map((address) => new Target(multiaddr(address)))
    .filter(({ peer }) => peer !== node.peerId.toString())

  const dial = async (target: Target): Promise<void> => {
    try {
      const signal = AbortSignal.any([stopped.signal, AbortSignal.timeout(DIAL_MS)])
      const connection = await node.dial(target.address, { signal })
      target.connected(connection)
      // Lost again before we listened for that.
      if (connection.status !== 'open' && target.lost(connection.remotePeer)) again(target)
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
  /** As the address names it, if it does. */
  readonly peer: string | undefined
  failures = 0
  timer: Timer | undefined
  #connected: PeerId | undefined

  constructor(address: Multiaddr) {
    this.address = address
    this.peer = address.getComponents().findLast(({ name }) => name === 'p2p')?.value
  }

  connected(connection: Connection): void {
    this.failures = 0
    this.#connected = connection.remotePeer
  }

  /** Whether it was this one's connection that ended. */
  lost(peer: PeerId): boolean {
    if (this.#connected?.equals(peer) !== true) return false
    this.#connected = undefined
    return true
  }
}
