// Stored sessions and the records beside them: the one way in which their secrets leave this
// folder. Seal the bytes at once.

import type { AccountKey } from './account.ts'
import type { MessageInitShape } from '@bufbuild/protobuf'
import type { Brand } from './bytes.ts'
import type { ReceivingChain, SendingChain } from './chain.ts'
import type { EphemeralKey } from './envelope.ts'
import { DecodeError } from './errors.ts'
import type {
  StoredChain,
  StoredHeaderKeys,
  StoredMarks,
  StoredRatchet,
  StoredSession,
} from './generated/session_pb.ts'
import { StoredSessionRecordSchema, StoredSessionSchema } from './generated/session_pb.ts'
import type {
  StoredChainSchema,
  StoredHeaderKeysSchema,
  StoredMarksSchema,
} from './generated/session_pb.ts'
import type { HeaderKeys, RatchetPublicKey } from './header.ts'
import { decodeExact, encodeMessage, toInteger } from './protobuf.ts'
import { readPostQuantum, storedPostQuantum } from './post-quantum-codec.ts'
import type { KeptRecord, KeptRecordId } from './ratchet-records.ts'
import type { Ratchet } from './ratchet.ts'
import { Secret } from './secret.ts'
import type { MarkBlock } from './seen-marks.ts'
import { markBlock, markDigests, MARKS_PER_BLOCK } from './seen-marks.ts'
import type { Session, SessionId, SessionState } from './session.ts'
import type { Position } from './skipped-keys.ts'
import { HANDSHAKE_MARK_BYTES } from './statement.ts'
import { demand, present, secret, sized } from './stored-fields.ts'
import { comparePositions } from './skipped-keys.ts'

/** A first message's prefix and a full block of marks fit. */
export const MAX_STORED_SESSION_BYTES = 8192
export const MAX_STORED_RECORD_BYTES = 1024

/** A session without the records beside it. The bytes contain its secrets. */
export function encodeSession(session: Session): Uint8Array {
  const { handshake, theirs } = session
  return encodeMessage(StoredSessionSchema, {
    version: VERSION,
    phase: PHASES.indexOf(session.phase) + 1,
    id: session.id,
    account: theirs.account,
    device: theirs.device,
    ours: handshake.by === 'ours',
    ordinal: BigInt(handshake.ordinal),
    seen: BigInt(handshake.seen),
    oneTime: session.class.oneTime,
    ephemeralKey: session.ephemeralKey,
    transcript: session.associatedData,
    prefix: session.phase === 'initiating' ? session.prefix : NOTHING,
    ratchet: storedRatchet(session.ratchet),
    postQuantum: storedPostQuantum(session.postQuantum),
  })
}

/**
 * A session and all its records, in any order. Throws `DecodeError` for anything that
 * `encodeSession` and `encodeSkippedKey` would not have written, and for two records of one name.
 */
export function decodeSession(bytes: Uint8Array, skipped: readonly Uint8Array[]): Session {
  const stored = decodeExact(StoredSessionSchema, bytes, MAX_STORED_SESSION_BYTES)
  checkVersion(stored.version)
  const state = readState(stored, skipped.map(readRecord))
  const phase = present(PHASES[stored.phase - 1])
  demand((phase === 'initiating') === stored.prefix.length > 0)
  return phase === 'initiating' ? { phase, ...state, prefix: stored.prefix } : { phase, ...state }
}

/** A record beside a session. The bytes contain its secrets. */
export function encodeSkippedKey(record: KeptRecord): Uint8Array {
  return encodeMessage(StoredSessionRecordSchema, {
    version: VERSION,
    record: storedRecord(record),
  })
}

/** The name of a record among those of its session; sorts by kind, then by position. */
export function skippedKeyName(id: KeptRecordId): string {
  const letter = RECORD_LETTERS[id.kind]
  const chain = `${letter}${id.chain.toString(16).padStart(8, '0')}`
  return id.kind === 'chain' ? chain : `${chain}-${id.number.toString(16).padStart(8, '0')}`
}

const VERSION = 1
const PHASES = ['initiating', 'established', 'receive-only'] as const
const RECORD_LETTERS = { chain: 'c', marks: 'm', skipped: 'k' } as const
const NOTHING = new Uint8Array(0)

function readState(stored: StoredSession, records: readonly KeptRecord[]): SessionState {
  const transcript = sized(stored.transcript, 64)
  return {
    id: sized(stored.id, 32) as SessionId,
    theirs: { account: sized(stored.account, 32) as AccountKey, device: stored.device },
    handshake: {
      by: stored.ours ? 'ours' : 'theirs',
      ordinal: toInteger(stored.ordinal),
      seen: toInteger(stored.seen),
      mark: transcript.subarray(0, HANDSHAKE_MARK_BYTES),
    },
    class: { oneTime: stored.oneTime, postQuantum: true },
    ephemeralKey: sized(stored.ephemeralKey, 32) as EphemeralKey,
    associatedData: transcript,
    ratchet: readRatchet(present(stored.ratchet), records),
    postQuantum: readPostQuantum(stored.postQuantum),
  }
}

type SessionFields = MessageInitShape<typeof StoredSessionSchema>
type RecordFields = NonNullable<MessageInitShape<typeof StoredSessionRecordSchema>['record']>

function storedRatchet(ratchet: Ratchet): NonNullable<SessionFields['ratchet']> {
  const { sending, receiving, ratchetKeyPair } = ratchet
  const marks = ratchet.marks.at(-1)
  return {
    rootKey: Secret.reveal(ratchet.rootKey),
    privateKey: Secret.reveal(ratchetKeyPair.privateKey),
    publicKey: ratchetKeyPair.publicKey,
    theirKey: ratchet.theirRatchetKey,
    sending: storedChain(sending, sending.nextToSend),
    ...(receiving && { receiving: storedChain(receiving, receiving.nextToReceive) }),
    nextSending: storedHeaderKeys(ratchet.nextSendingKeys),
    nextReceiving: storedHeaderKeys(ratchet.nextReceivingKeys),
    ...(marks && { marks: storedMarks(marks) }),
  }
}

function readRatchet(stored: StoredRatchet, records: readonly KeptRecord[]): Ratchet {
  const { sending, receiving } = stored
  const publicKey = sized(stored.publicKey, 32) as Brand<Uint8Array, 'RatchetKey'>
  const theirRatchetKey = sized(stored.theirKey, 32) as RatchetPublicKey
  const newest = stored.marks === undefined ? [] : [readMarks(stored.marks)]
  return {
    rootKey: secret('RootKey', stored.rootKey),
    ratchetKeyPair: { publicKey, privateKey: secret('RatchetKey', stored.privateKey) },
    theirRatchetKey,
    sending: readSending(present(sending)),
    nextSendingKeys: readHeaderKeys(stored.nextSending),
    receiving: receiving && readReceiving(receiving, theirRatchetKey),
    nextReceivingKeys: readHeaderKeys(stored.nextReceiving),
    retired: sorted(records.filter((record) => record.kind === 'chain')),
    skipped: sorted(records.filter((record) => record.kind === 'skipped')),
    marks: sorted([...records.filter((record) => record.kind === 'marks'), ...newest]),
  }
}

function storedChain(
  chain: SendingChain | ReceivingChain,
  next: number,
): MessageInitShape<typeof StoredChainSchema> {
  return {
    ordinal: chain.ordinal,
    chainKey: Secret.reveal(chain.chainKey),
    header: storedHeaderKeys(chain.headerKeys),
    next,
    previousLength: chain.previousChainLength,
  }
}

function readSending(stored: StoredChain): SendingChain {
  return { ...readChain(stored), nextToSend: stored.next }
}

function readReceiving(stored: StoredChain, theirRatchetKey: RatchetPublicKey): ReceivingChain {
  return { ...readChain(stored), theirRatchetKey, nextToReceive: stored.next }
}

function readChain(stored: StoredChain): Omit<SendingChain, 'nextToSend'> {
  return {
    ordinal: stored.ordinal,
    chainKey: secret('ChainKey', stored.chainKey),
    headerKeys: readHeaderKeys(stored.header),
    previousChainLength: stored.previousLength,
  }
}

function storedHeaderKeys(keys: HeaderKeys): MessageInitShape<typeof StoredHeaderKeysSchema> {
  return { seal: Secret.reveal(keys.seal), tag: Secret.reveal(keys.tag) }
}

function readHeaderKeys(stored: StoredHeaderKeys | undefined): HeaderKeys {
  const { seal, tag } = present(stored)
  return { seal: secret('HeaderKey', seal), tag: secret('TagKey', tag) }
}

function storedMarks(block: MarkBlock): MessageInitShape<typeof StoredMarksSchema> {
  const { chain, number, present: bits } = block
  return { chain, number, present: bits, digests: markDigests(block) }
}

function readMarks({ chain, number, present: bits, digests }: StoredMarks): MarkBlock {
  demand(number % MARKS_PER_BLOCK === 0 && bits !== 0)
  return present(markBlock({ chain, number }, bits, digests))
}

function storedRecord(record: KeptRecord): RecordFields {
  switch (record.kind) {
    case 'skipped': {
      const { chain, number, epoch, nextBodyKey } = record
      const skippedAt = BigInt(record.skippedAt)
      const bodyKey = Secret.reveal(record.bodyKey)
      const place = { chain, number, epoch, bodyKey, skippedAt }
      if (nextBodyKey === undefined) return { case: 'skipped', value: place }
      return { case: 'skipped', value: { ...place, nextBodyKey: Secret.reveal(nextBodyKey) } }
    }
    case 'chain': {
      const { chain, headerKeys, length } = record
      return { case: 'chain', value: { chain, header: storedHeaderKeys(headerKeys), length } }
    }
    case 'marks':
      return { case: 'marks', value: storedMarks(record) }
  }
}

function readRecord(bytes: Uint8Array): KeptRecord {
  const { version, record } = decodeExact(StoredSessionRecordSchema, bytes, MAX_STORED_RECORD_BYTES)
  checkVersion(version)
  switch (record.case) {
    case 'skipped': {
      const { chain, number, epoch, bodyKey, nextBodyKey, skippedAt } = record.value
      const at = { kind: 'skipped', chain, number, epoch, skippedAt: toInteger(skippedAt) } as const
      const next = nextBodyKey.length === 0 ? undefined : secret('BodyKey', nextBodyKey)
      return { ...at, bodyKey: secret('BodyKey', bodyKey), nextBodyKey: next }
    }
    case 'chain': {
      const { chain, header, length } = record.value
      return { kind: 'chain', chain, headerKeys: readHeaderKeys(header), length }
    }
    case 'marks':
      return readMarks(record.value)
    case undefined:
      throw new DecodeError('ERR_MALFORMED')
  }
}

/** In the order of position, each name once. */
function sorted<T extends KeptRecord>(records: readonly T[]): readonly T[] {
  const list = records.toSorted((a, b) => comparePositions(place(a), place(b)))
  for (const [index, record] of list.entries()) {
    const before = list[index - 1]
    demand(before === undefined || comparePositions(place(before), place(record)) < 0)
  }
  return list
}

function place(record: KeptRecord): Position {
  return record.kind === 'chain' ? { chain: record.chain, number: 0 } : record
}

function checkVersion(version: number): void {
  if (version !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
}
