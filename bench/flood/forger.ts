/** One identity of the flood: a bare libp2p node with a stream to the receiver. A stream that is cut is opened again. */
import { noise } from '@chainsafe/libp2p-noise'
import type { Connection } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { createLibp2p } from 'libp2p'
import { channelOf } from '../../net/channel.ts'
import { BUNDLE_PROTOCOL, DIRECT_PROTOCOL } from '../../net/names.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { libp2pKey } from '../../net/platform/identity-codec.ts'
import { DirectSender, MAX_DIRECT_FRAME_BYTES } from '../../node/direct.ts'
import { REFUSED } from '../../node/outcome.ts'
import { MAX_BUNDLE_BYTES } from '../../protocol/bundle.ts'
import type { Account } from '../../protocol/account.ts'
import type { Forge } from './forgeries.ts'
import type { Refusals, Target } from './orders.ts'

const FRAME = { maxFrameBytes: MAX_DIRECT_FRAME_BYTES, clock: systemClock }

/** What is counted while it happens. */
export type Tally = { -readonly [Name in Exclude<keyof Refusals, 'seconds'>]: number }

export class Forger {
  readonly #connection: Connection
  readonly #forge: Forge
  readonly #tally: Tally
  #sender: DirectSender | undefined

  private constructor(connection: Connection, forge: Forge, tally: Tally) {
    this.#connection = connection
    this.#forge = forge
    this.#tally = tally
  }

  /** Opens the stream that its forgeries go to. */
  static async start(connection: Connection, forge: Forge, tally: Tally): Promise<Forger> {
    const forger = new Forger(connection, forge, tally)
    await forger.#open()
    return forger
  }

  /** Unanswered. */
  get waiting(): number {
    return this.#sender?.inFlight ?? 0
  }

  send(): void {
    this.#tally.sent++
    if (this.#sender === undefined) this.#tally.unanswered++
    else this.#sender.send(1, this.#forge())
  }

  async #open(): Promise<void> {
    const stream = await this.#connection.newStream(DIRECT_PROTOCOL)
    const sender = new DirectSender(channelOf(stream, this.#connection, FRAME))
    this.#sender = sender
    void this.#hear(sender)
  }

  async #hear(sender: DirectSender): Promise<void> {
    try {
      for await (const { delivered, refused } of sender.settled()) {
        this.#tally.taken += delivered.length
        for (const { code } of refused) this.#count(code)
      }
    } catch {
      // cut off: as if it had ended
    }
    this.#tally.unanswered += sender.inFlight
    this.#sender = undefined
    this.#open().catch(() => undefined) // what it sends from now on stays unanswered
  }

  #count(code: number): void {
    if (code === REFUSED.cannotOpen) this.#tally.cannotOpen++
    else if (code === REFUSED.notAllowed) this.#tally.notAllowed++
    else this.#tally.tryLater++
  }
}

/** Connects a node of nothing but transport, under this account. */
export async function connect(
  account: Account,
  { addresses: [address = ''] }: Target,
): Promise<Connection> {
  const node = await createLibp2p({
    privateKey: await libp2pKey(account),
    addresses: { listen: [] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    connectionMonitor: { enabled: false }, // its pings are not what is measured
  })
  return node.dial(multiaddr(address))
}

/** The bundle that the other end serves to everybody. */
export async function bundleOf(connection: Connection): Promise<Uint8Array> {
  const stream = await connection.newStream(BUNDLE_PROTOCOL)
  const options = { maxFrameBytes: MAX_BUNDLE_BYTES, clock: systemClock }
  for await (const [bundle] of channelOf(stream, connection, options).incoming) {
    if (bundle !== undefined) return bundle
  }
  throw new Error('The receiver serves no bundle')
}
