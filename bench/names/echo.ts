import type { PeerName, Wire } from '../../net/ports.ts'

/** What the names dial. */
export interface Echo {
  readonly peer: string
  readonly addresses: readonly string[]
}

/** MiB of one name. */
export interface Memory {
  readonly resident: number
  readonly held: number
}

/** Each frame comes back as it is. */
export const ECHO_PROTOCOL = '/sotto/bench/echo/1'

const TIMEOUT = 20_000

/** Opens a stream, and waits for a frame to come back. */
export async function ask(wire: Pick<Wire, 'open'>, { peer, addresses }: Echo): Promise<void> {
  const signal = AbortSignal.timeout(TIMEOUT)
  const options = { addresses, maxFrameBytes: 100, signal }
  const channel = await wire.open(peer as PeerName, ECHO_PROTOCOL, options)
  channel.send(Uint8Array.of(1))
  await channel.incoming[Symbol.asyncIterator]().next()
}
