// An in-memory network of `Wire`s: channels are reliable and ordered, connections can be cut, peers can crash. Deterministic: frames
// travel in microtasks, or after a delay of the given clock. It does not model partial frames: those belong to the channel's own tests.
import { ChannelError } from '../../net/channel-error.ts'
import { peerName } from '../../net/peer-name.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { importSecret } from '../../protocol/crypto.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type {
  Channel,
  Clock,
  HandleOptions,
  OpenOptions,
  PeerName,
  ThrowAwayWires,
  Wire,
} from '../../net/ports.ts'

type Handler = (channel: Channel) => Promise<void>

/** What a filter sees: one frame on its way. */
export interface FrameInTransit {
  readonly from: PeerName
  readonly to: PeerName
  readonly protocol: string
  readonly frame: Uint8Array
}

/** `deliver`, `swallow` (the peer stalls) or `cut` (the connection is lost, this frame with it). */
export type Fate = 'deliver' | 'swallow' | 'cut'

export interface MemoryNetworkInit {
  /** With a clock, each frame takes `delayMs` (@default 0: microtasks); frames of one channel stay in their order. */
  readonly clock?: Clock
  readonly delayMs?: number | (() => number)
}

/** Frames in one run of `incoming`, as the contract of `Channel` bounds it. */
const MAX_RUN = 256

/** Bytes that may wait at the reader before `drained` makes the writer wait. */
const HIGH_WATER_BYTES = 1024 * 1024

class NamedError extends Error {
  constructor(name: string, message: string) {
    super(message)
    this.name = name
  }
}

/** All the peers of one test. */
export class MemoryNetwork {
  /** Decides about each frame; replace it to make faults. */
  filter: (transit: FrameInTransit) => Fate = () => 'deliver'
  readonly #init: MemoryNetworkInit
  readonly #wires = new Map<PeerName, MemoryWire>()
  readonly #walls = new Set<string>()
  /** Connections that are dead and do not know it, with those who wait for that to change. */
  readonly #stalls = new Map<string, PromiseWithResolvers<void>>()
  /** Who is behind a name that is to be thrown away. */
  readonly #owners = new Map<PeerName, PeerName>()

  constructor(init: MemoryNetworkInit = {}) {
    this.#init = init
  }

  /** Adds a peer. `address` is what others see as the remote address of its channels. A name can be used again after `crash`. */
  wire(self: PeerName, address = '/ip4/127.0.0.1/tcp/1'): MemoryWire {
    if (this.#wires.has(self)) throw new Error(`${self} is in this network already`)
    const wire = new MemoryWire(this, self, address)
    this.#wires.set(self, wire)
    return wire
  }

  /** Other names for a peer of this network: what cuts, parts or crashes that peer does the same to them. */
  throwAway(owner: PeerName, random: RandomBytes): ThrowAwayWires {
    const running = this.#wires.get(owner)
    return {
      make: async () => {
        if (running !== this.#wires.get(owner)) throw new Error(`${owner} is gone`)
        const { key } = accountFromSeed(importSecret('AccountSeed', random(32)))
        const wire = this.wire(peerName(key))
        this.#owners.set(wire.self, owner)
        const stop = async (): Promise<void> => this.crash(wire.self)
        return { self: wire.self, open: wire.open.bind(wire), stop }
      },
    }
  }

  /** The peer itself, also when it goes by another name. */
  behind(name: PeerName): PeerName {
    return this.#owners.get(name) ?? name
  }

  /** The wire of a peer, if it is in this network. */
  find(peer: PeerName): MemoryWire | undefined {
    return this.#wires.get(peer)
  }

  /** The process is gone: its connections are lost, it handles and opens nothing more. `silent`: nobody is told. */
  crash(peer: PeerName, how: 'told' | 'silent' = 'told'): void {
    const wire = this.#wires.get(peer)
    this.#wires.delete(peer)
    for (const other of wire?.peers() ?? []) {
      if (how === 'told') this.disconnect(peer, other, wire)
      else wire?.drop(other)
    }
    wire?.retire()
    for (const name of this.#namesOf(peer)) this.crash(name, how)
  }

  /** Until they are disconnected, nothing that either sends the other arrives, and neither is told. */
  stall(a: PeerName, b: PeerName): void {
    const pair = pairOf(this.behind(a), this.behind(b))
    if (!this.#stalls.has(pair)) this.#stalls.set(pair, Promise.withResolvers())
  }

  /** Resolves when the stall between two peers is over; undefined if there is none. For `MemoryWire` only. */
  stalled(a: PeerName, b: PeerName): Promise<void> | undefined {
    return this.#stalls.get(pairOf(this.behind(a), this.behind(b)))?.promise
  }

  /** Cuts the connection of two peers, if there is one: what is on its way is lost, readers throw. */
  disconnect(a: PeerName, b: PeerName, wireOfA = this.#wires.get(a)): void {
    const pair = pairOf(this.behind(a), this.behind(b))
    this.#stalls.get(pair)?.resolve()
    this.#stalls.delete(pair)
    wireOfA?.drop(b)
    this.#wires.get(b)?.drop(a)
    for (const name of this.#namesOf(a)) this.disconnect(name, b)
    for (const name of this.#namesOf(b)) this.disconnect(name, a)
  }

  /** `a` has lost its connection to `b`, which does not know it yet: what it sends arrives nowhere. */
  halve(a: PeerName, b: PeerName): void {
    for (const name of [a, ...this.#namesOf(a)]) this.#wires.get(name)?.drop(b)
    for (const name of this.#namesOf(b)) this.#wires.get(a)?.drop(name)
  }

  /** Cuts two peers apart until `join`: opening fails meanwhile. */
  part(a: PeerName, b: PeerName): void {
    this.#walls.add(pairOf(a, b))
    this.disconnect(a, b)
  }

  join(a: PeerName, b: PeerName): void {
    this.#walls.delete(pairOf(a, b))
  }

  /** The wire of a peer that can be reached from `from`. For `MemoryWire` only. */
  reach(from: PeerName, to: PeerName): MemoryWire | undefined {
    return this.#walls.has(pairOf(this.behind(from), to)) ? undefined : this.#wires.get(to)
  }

  /** Other names of a peer that are in use. */
  #namesOf(peer: PeerName): readonly PeerName[] {
    return [...this.#wires.keys()].filter((name) => this.#owners.get(name) === peer)
  }

  /** Runs `arrive` when a thing sent now arrives, not before `earliest`; returns when. For `MemoryWire` only. */
  travel(arrive: () => void, earliest = 0): number {
    const { clock, delayMs = 0 } = this.#init
    if (clock === undefined) {
      queueMicrotask(arrive)
      return 0
    }
    const delay = typeof delayMs === 'number' ? delayMs : delayMs()
    const at = Math.max(earliest, clock.now() + delay)
    clock.after(at - clock.now(), arrive)
    return at
  }
}

/** One peer's view of a `MemoryNetwork`. */
export class MemoryWire implements Wire {
  readonly self: PeerName
  readonly address: string
  readonly #network: MemoryNetwork
  readonly #handlers = new Map<string, HandleOptions & { readonly handler: Handler }>()
  readonly #channels = new Map<PeerName, Set<MemoryChannel>>()
  readonly #listeners = new Set<(peer: PeerName, connected: boolean) => void>()
  #retired = false

  constructor(network: MemoryNetwork, self: PeerName, address: string) {
    this.#network = network
    this.self = self
    this.address = address
  }

  async open(peer: PeerName, protocol: string, options: OpenOptions): Promise<Channel> {
    options.signal.throwIfAborted()
    await new Promise<void>((resolve) => void this.#network.travel(resolve))
    options.signal.throwIfAborted()
    const stalled = this.#network.stalled(this.self, peer)
    if (stalled !== undefined) await Promise.race([stalled, aborted(options.signal)])
    const there = this.#retired ? undefined : this.#network.reach(this.self, peer)
    if (there === undefined) throw new NamedError('DialError', `${peer} cannot be reached`)
    this.#connect(there)
    const target = there.#handlers.get(protocol)
    if (target === undefined)
      throw new NamedError('UnsupportedProtocolError', `${peer} does not speak ${protocol}`)
    const [near, far] = channelPair(this.#network, protocol, this, there, {
      near: options.maxFrameBytes,
      far: target.maxFrameBytes,
    })
    if (there.#count(this.self, protocol) >= target.maxChannels)
      throw new ChannelError('ERR_CLOSED')
    this.#add(peer, near)
    there.#add(this.self, far)
    target.handler(far).then(
      () => far.close(),
      (cause: unknown) =>
        far.abort(cause instanceof Error ? cause : new Error('failed', { cause })),
    )
    return near
  }

  async handle(protocol: string, options: HandleOptions, handler: Handler): Promise<void> {
    if (this.#handlers.has(protocol)) throw new Error(`${protocol} has a handler`)
    this.#handlers.set(protocol, { ...options, handler })
  }

  async unhandle(protocol: string): Promise<void> {
    this.#handlers.delete(protocol)
  }

  isConnected(peer: PeerName): boolean {
    return this.#channels.has(peer)
  }

  watch(listener: (peer: PeerName, connected: boolean) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Connected peers. */
  peers(): readonly PeerName[] {
    return [...this.#channels.keys()]
  }

  /** Open channels of a protocol, of all peers. */
  openChannels(protocol: string): number {
    return this.peers().reduce((sum, peer) => sum + this.#count(peer, protocol), 0)
  }

  /** This side of a connection is gone. For `MemoryNetwork`. */
  drop(peer: PeerName): void {
    const channels = this.#channels.get(peer)
    if (channels === undefined) return
    this.#channels.delete(peer)
    for (const channel of channels) channel.lose()
    for (const listener of this.#listeners) listener(peer, false)
  }

  /** No more handling or opening. For `MemoryNetwork`. */
  retire(): void {
    this.#retired = true
    this.#handlers.clear()
    this.#listeners.clear()
  }

  /** A channel of ours has ended in both directions. For `MemoryChannel`. */
  forget(channel: MemoryChannel): void {
    this.#channels.get(channel.peer)?.delete(channel)
  }

  #connect(there: MemoryWire): void {
    if (this.#channels.has(there.self) && there.#channels.has(this.self)) return
    this.drop(there.self) // what is left of a connection to somebody who crashed in silence
    there.drop(this.self)
    this.#channels.set(there.self, new Set())
    there.#channels.set(this.self, new Set())
    for (const listener of this.#listeners) listener(there.self, true)
    for (const listener of there.#listeners) listener(this.self, true)
  }

  #add(peer: PeerName, channel: MemoryChannel): void {
    this.#channels.get(peer)?.add(channel)
  }

  #count(peer: PeerName, protocol: string): number {
    return [...(this.#channels.get(peer) ?? [])].filter((c) => c.protocol === protocol).length
  }
}

function channelPair(
  network: MemoryNetwork,
  protocol: string,
  from: MemoryWire,
  to: MemoryWire,
  limits: { readonly near: number; readonly far: number },
): [MemoryChannel, MemoryChannel] {
  const near = new MemoryChannel(network, protocol, from, to, limits.near)
  const far = new MemoryChannel(network, protocol, to, from, limits.far)
  near.join(far)
  far.join(near)
  return [near, far]
}

class MemoryChannel implements Channel {
  readonly peer: PeerName
  readonly address: string
  readonly protocol: string
  readonly incoming: AsyncIterable<readonly Uint8Array[]> = {
    [Symbol.asyncIterator]: () => this.#read(),
  }
  readonly #network: MemoryNetwork
  readonly #owner: MemoryWire
  readonly #maxFrameBytes: number
  #other: MemoryChannel | undefined
  /** When the last thing that we sent arrives. */
  #arrival = 0
  #arrived: Uint8Array[] = []
  /** Bytes sent to us that our reader has not taken, on their way or waiting. */
  #unread = 0
  #readEnd: 'open' | 'ended' | Error = 'open'
  #writeEnd: 'open' | 'closed' | Error = 'open'
  #wake = Promise.withResolvers<void>()
  #taken = Promise.withResolvers<void>()

  constructor(
    network: MemoryNetwork,
    protocol: string,
    owner: MemoryWire,
    there: MemoryWire,
    maxFrameBytes: number,
  ) {
    this.#network = network
    this.#owner = owner
    this.protocol = protocol
    this.peer = there.self
    this.address = there.address
    this.#maxFrameBytes = maxFrameBytes
  }

  join(other: MemoryChannel): void {
    this.#other = other
  }

  send(frame: Uint8Array): void {
    if (this.#writeEnd !== 'open') throw new ChannelError('ERR_CLOSED')
    const other = this.#peerSide()
    other.#unread += frame.length
    if (this.#isStalled()) return
    const fate = this.#network.filter({
      from: this.#owner.self,
      to: this.peer,
      protocol: this.protocol,
      frame,
    })
    if (fate === 'cut') this.#network.disconnect(this.#owner.self, this.peer)
    else if (fate === 'deliver') this.#travel(() => other.#arrive(frame))
  }

  async drained(signal?: AbortSignal): Promise<void> {
    const other = this.#peerSide()
    while (other.#unread > HIGH_WATER_BYTES) {
      signal?.throwIfAborted()
      if (this.#writeEnd !== 'open') throw new ChannelError('ERR_CLOSED')
      await Promise.race([other.#taken.promise, aborted(signal)])
    }
  }

  async close(): Promise<void> {
    if (this.#writeEnd !== 'open') return
    this.#writeEnd = 'closed'
    const other = this.#peerSide()
    if (!this.#isStalled()) this.#travel(() => other.#endRead('ended'))
    this.#settle()
  }

  abort(reason: Error): void {
    this.#fail(reason)
    const other = this.#peerSide()
    if (this.#isStalled()) return
    this.#travel(() => other.#fail(new NamedError('StreamResetError', 'reset by the peer')))
  }

  #isStalled(): boolean {
    return this.#network.stalled(this.#owner.self, this.peer) !== undefined
  }

  /** What left later never arrives earlier. */
  #travel(arrive: () => void): void {
    this.#arrival = this.#network.travel(arrive, this.#arrival)
  }

  /** The connection is gone: the reader gets what has arrived, then an error; what was on its way is lost. */
  lose(): void {
    if (this.#writeEnd === 'open') this.#writeEnd = 'closed'
    this.#endRead(new ChannelError('ERR_TRUNCATED'))
  }

  #fail(reason: Error): void {
    if (this.#writeEnd === 'open') this.#writeEnd = reason
    this.#arrived = []
    this.#endRead(reason)
  }

  #endRead(how: 'ended' | Error): void {
    if (this.#readEnd === 'open') this.#readEnd = how
    this.#signal()
    this.#settle()
  }

  #settle(): void {
    if (this.#readEnd !== 'open' && this.#writeEnd !== 'open') this.#owner.forget(this)
  }

  #arrive(frame: Uint8Array): void {
    if (this.#readEnd !== 'open') return
    if (frame.length > this.#maxFrameBytes) {
      this.abort(new ChannelError('ERR_FRAME_TOO_LARGE'))
      return
    }
    this.#arrived.push(frame.slice())
    this.#signal()
  }

  #signal(): void {
    this.#wake.resolve()
    this.#taken.resolve()
    this.#taken = Promise.withResolvers()
  }

  async *#read(): AsyncGenerator<readonly Uint8Array[], void, void> {
    for (;;) {
      this.#wake = Promise.withResolvers()
      const run = this.#arrived.splice(0, MAX_RUN)
      if (run.length > 0) {
        for (const frame of run) this.#unread -= frame.length
        this.#taken.resolve()
        this.#taken = Promise.withResolvers()
        yield run
      } else if (this.#readEnd === 'ended') {
        return
      } else if (this.#readEnd !== 'open') {
        throw this.#readEnd
      } else {
        await this.#wake.promise
      }
    }
  }

  #peerSide(): MemoryChannel {
    if (this.#other === undefined) throw new Error('a channel without its other end')
    return this.#other
  }
}

function pairOf(a: PeerName, b: PeerName): string {
  return a < b ? `${a} ${b}` : `${b} ${a}`
}

function aborted(signal: AbortSignal | undefined): Promise<never> {
  return new Promise((_, reject) => {
    signal?.addEventListener('abort', () => reject(signal.reason), { once: true })
  })
}
