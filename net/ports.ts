/**
 * What the cores of `node/` and `mailbox/` need from the world: a wire, a store, a directory, a clock. Types only: libp2p,
 * LevelDB and the real clock are plugged in at the edges, a simulator plugs in its own.
 */
import type { AbstractLevel } from 'abstract-level'
import type { Brand } from '../protocol/bytes.ts'
import type { UnreadBytes } from './unread.ts'

/** Base58 PeerId of an Ed25519 account: `peerName` and `accountOf` of peer-name.ts. */
export type PeerName = Brand<string, 'PeerName'>

/** A timer that has not run yet. */
export interface Timer {
  /** Does nothing when the timer has run already. */
  cancel(): void
}

/** Time, so that a simulator can own it. */
export interface Clock {
  /** Unix time in ms. May jump: whoever destroys by it must allow for that. */
  now(): number
  /**
   * Runs once, about `ms` from now; for 0, when all that is ready in this turn of the event loop has run. The timer alone does
   * not keep a process alive, except for 0.
   */
  after(ms: number, run: () => void): Timer
}

/** An ordered key-value database: UTF-8 keys, byte values. */
export type Store = AbstractLevel<string | Uint8Array, string, Uint8Array>

/** Streams to other peers, each authenticated by Noise. */
export interface Wire {
  readonly self: PeerName

  /**
   * Opens a stream, dialling when there is no connection. Rejects with the reason of `signal`, or with the dial's error.
   * An open channel proves nothing yet: a peer that refuses us may close it after this resolved.
   */
  open(peer: PeerName, protocol: string, options: OpenOptions): Promise<Channel>

  /** Serves a protocol. The handler owns its channel: the wire aborts it when the handler throws. */
  handle(
    protocol: string,
    options: HandleOptions,
    handler: (channel: Channel) => Promise<void>,
  ): Promise<void>

  unhandle(protocol: string): Promise<void>

  isConnected(peer: PeerName): boolean

  /** Tells about first and last connections of any peer. Returns the function that stops it. */
  watch(listener: (peer: PeerName, connected: boolean) => void): () => void
}

/**
 * A wire under a name that was made for it and is used for nothing else. It only dials, tells nothing about itself and asks
 * nobody for addresses, so that the peers it reaches do not learn whose it is.
 */
export interface ThrowAwayWire extends Pick<Wire, 'self' | 'open'> {
  /** Ends its connections and forgets its name. Never rejects. */
  stop(): Promise<void>
}

/** Makes names to be thrown away: a new one with each call. */
export interface ThrowAwayWires {
  make(): Promise<ThrowAwayWire>
}

export interface OpenOptions {
  /** Multiaddrs to try besides those that are known. At most 16 are looked at. */
  readonly addresses?: readonly string[] | undefined
  /**
   * Whether to ask the network for newer addresses when those that are known fail.
   *
   * @default false
   */
  readonly search?: boolean
  /** A larger frame from the peer ends the channel. */
  readonly maxFrameBytes: number
  readonly signal: AbortSignal
}

export interface HandleOptions {
  readonly maxFrameBytes: number
  /** Of one peer at a time. */
  readonly maxChannels: number
  /** Shared by all channels of the protocol. Absent: each has its own limit, and all together none. */
  readonly unread?: UnreadBytes
}

/** One stream, cut into frames. */
export interface Channel {
  readonly peer: PeerName
  /** Where the peer connects from, for limits; empty if unknown. */
  readonly address: string

  /**
   * Runs of whole frames: all that have arrived, at most 256 of them, so that a reader can commit them together. One reader
   * only. Frames are copies that the reader owns. Not reading stops the sender. Ends when the peer has closed between two
   * frames; throws `ChannelError` when the stream is cut inside one or the connection is lost
   * (`ERR_TRUNCATED`) or a frame is too large or malformed, the library's error after a reset, or the reason of an abort.
   */
  readonly incoming: AsyncIterable<readonly Uint8Array[]>

  /**
   * Queues a frame. Nothing is copied: do not write to it or wipe it afterwards. The frames of one event-loop turn leave in
   * one write. Throws `ChannelError` once the channel is closing.
   */
  send(frame: Uint8Array): void

  /** Resolves when the queue is short enough for more. Rejects when the channel ends or `signal` is aborted. */
  drained(signal?: AbortSignal): Promise<void>

  /** Sends what is queued, then ends our side. Never rejects. */
  close(): Promise<void>

  /** Ends both sides at once and drops what is queued. The reason stays here; the peer sees a reset. */
  abort(reason: Error): void
}

/** The DHT, as the core sees it. */
export interface Directory {
  /** Who stored it: empty when nobody did. Waits for a first peer until `signal` is aborted, then rejects. */
  put(
    key: Uint8Array,
    value: Uint8Array,
    options: { readonly signal: AbortSignal },
  ): Promise<readonly PeerName[]>

  /** Each valid answer as it comes, with the peer that gave it. Breaking out of the loop ends the query. */
  get(key: Uint8Array, options: { readonly signal: AbortSignal }): AsyncIterable<DirectoryAnswer>
}

export interface DirectoryAnswer {
  readonly value: Uint8Array
  readonly from: PeerName
}
