/** The state of one session and how it begins: docs/protocol.md, "Double Ratchet". Plain data, cloned before each step. */
import type { Random } from './bytes.ts'
import type { HandshakeKeys } from './handshake.ts'
import { DH, type KeyPair, dhPair } from './primitives.ts'
import { type PostQuantum, idle } from './post-quantum.ts'
import { type HeaderKeys, expandEpoch, headerKeys, kdfRoot } from './schedule.ts'

export interface SendingChain {
  readonly keys: HeaderKeys
  chain: Uint8Array
  next: number
  readonly previous: number
}

export interface ReceivingChain {
  readonly id: number
  readonly keys: HeaderKeys
  readonly previous: number
  chain: Uint8Array
  next: number
}

export interface RetiredChain {
  readonly id: number
  readonly keys: HeaderKeys
  readonly length: number
}

export interface SkippedKey {
  readonly chain: number
  readonly n: number
  /** BK for each epoch that the position can be of. */
  readonly bodies: ReadonlyMap<number, Uint8Array>
  readonly at: number
}

export interface Session {
  readonly id: Uint8Array
  /** T, which is AD. */
  readonly transcript: Uint8Array
  /** Direction of what we send. */
  readonly direction: 1 | 2
  readonly account: Uint8Array
  readonly ordinal: number
  readonly seen: number
  receiveOnly: boolean
  /** PRE of every message until something of theirs has opened. */
  prefix: Uint8Array | undefined
  root: Uint8Array
  ratchet: KeyPair
  theirKey: Uint8Array | undefined
  sending: SendingChain | undefined
  receiving: ReceivingChain | undefined
  nextSending: HeaderKeys
  nextReceiving: HeaderKeys
  /** Oldest first. */
  retired: RetiredChain[]
  /** By `chain/number`, oldest first. */
  skipped: Map<string, SkippedKey>
  /** By `chain/number`: 16 bytes of the digest that was opened there. */
  marks: Map<string, Uint8Array>
  pq: PostQuantum
  failed: number[]
  failedSinceOpened: number
}

export interface Peer {
  readonly account: Uint8Array
  readonly ordinal: number
  readonly seen: number
}

/** RatchetInitAliceHE: `theirKey` is SPK_B, `prefix` the first-message form. */
export function beginInitiator(
  keys: HandshakeKeys,
  peer: Peer,
  theirKey: Uint8Array,
  prefix: Uint8Array,
  random: Random,
): Session {
  const ratchet = dhPair(random(32))
  const step = kdfRoot(keys.root, DH(ratchet.secret, theirKey))
  return {
    ...emptySession(keys, peer),
    direction: 1,
    prefix,
    root: step.root,
    ratchet,
    theirKey,
    sending: { keys: headerKeys(keys.headerA), chain: step.chain, next: 0, previous: 0 },
    nextSending: headerKeys(step.header),
    nextReceiving: headerKeys(keys.headerB),
  }
}

/** RatchetInitBobHE: the signed prekey is the first ratchet key. */
export function beginResponder(keys: HandshakeKeys, peer: Peer, signedPrekey: KeyPair): Session {
  return {
    ...emptySession(keys, peer),
    direction: 2,
    prefix: undefined,
    root: keys.root,
    ratchet: signedPrekey,
    theirKey: undefined,
    sending: undefined,
    nextSending: headerKeys(keys.headerB),
    nextReceiving: headerKeys(keys.headerA),
  }
}

function emptySession(keys: HandshakeKeys, peer: Peer) {
  return {
    id: keys.sessionId,
    transcript: keys.transcript,
    ...peer,
    receiveOnly: false,
    receiving: undefined,
    retired: [],
    skipped: new Map<string, SkippedKey>(),
    marks: new Map<string, Uint8Array>(),
    pq: idle(0, expandEpoch(keys.epoch), 0),
    failed: [],
    failedSinceOpened: 0,
  }
}

/** DHRatchetHE, after the rest of the old chain was passed over. */
export function turn(session: Session, theirKey: Uint8Array, pn: number, random: Random): void {
  const { receiving, ratchet } = session
  if (receiving !== undefined) {
    session.retired.push({ id: receiving.id, keys: receiving.keys, length: receiving.next })
  }
  const received = kdfRoot(session.root, DH(ratchet.secret, theirKey))
  const fresh = dhPair(random(32))
  const sent = kdfRoot(received.root, DH(fresh.secret, theirKey))
  const id = (receiving?.id ?? 0) + 1
  session.receiving = {
    ...{ id, keys: session.nextReceiving, previous: pn },
    ...{ chain: received.chain, next: 0 },
  }
  session.sending = {
    ...{ keys: session.nextSending, previous: session.sending?.next ?? 0 },
    ...{ chain: sent.chain, next: 0 },
  }
  session.nextReceiving = headerKeys(received.header)
  session.nextSending = headerKeys(sent.header)
  session.root = sent.root
  session.ratchet = fresh
  session.theirKey = theirKey
}
