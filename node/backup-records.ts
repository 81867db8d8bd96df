// What of a node goes into a backup: the account, contacts and history. Never what would make two nodes out of one: sessions,
// prekeys, the device key, tokens, envelopes on their way. A node that is restored begins again with everybody.

import { create, toBinary } from '@bufbuild/protobuf'
import { ContactRecordSchema, EventRecordSchema } from '../protocol/generated/store_pb.ts'
import { DecodeError } from '../protocol/errors.ts'
import type { Selection } from '../net/backup/snapshot.ts'
import type { StoredRecord } from '../net/records.ts'
import { readPointer } from './compose.ts'
import { decodeContact } from './contact.ts'
import { decodeEnrolment, putEnrolment } from './enrolment.ts'
import { keys } from './keys.ts'
import { decodeMessage } from './message.ts'
import { decodeIssuedBundle } from './own-codec.ts'
import { decodeRecord, RECORD_VERSION } from './stored-record.ts'

/** What is in a backup. */
export interface NodeCounts {
  readonly contacts: number
  /** Texts of both sides. */
  readonly messages: number
}

const IDS = 'id/'
const MESSAGES = 'message/'

/** A record as it stands in a backup. Throws `DecodeError`. */
type Pack = (record: StoredRecord) => Uint8Array

/** All that is kept, by how its names begin. */
const KEPT: readonly (readonly [string, Pack])[] = [
  [keys.consumers, same],
  [keys.contacts, packContact],
  [keys.events, checked((value) => decodeRecord(EventRecordSchema, value))],
  [IDS, checked(readPointer)],
  [MESSAGES, checked(decodeMessage)],
  [keys.self, same],
  [keys.bundle, same],
  [keys.clock, same],
  [keys.issuedBundles, checked(decodeIssuedBundle)],
  [keys.mailboxes, packMailbox],
]

function packOf(key: string): Pack | undefined {
  return KEPT.find(([prefix]) => key.startsWith(prefix))?.[1]
}

/** Whether a record goes into a backup, and comes back from one. */
function isKept(key: string): boolean {
  return packOf(key) !== undefined
}

/** Which records go into a backup. */
export const SELECTION: Selection = { prefix: '', isKept }

/** The record as it stands in a backup. Throws `DecodeError` for one that is not what its name says. */
export function pack(record: StoredRecord): StoredRecord {
  const value = packOf(record.key)?.(record)
  if (value === undefined) throw new DecodeError('ERR_MALFORMED')
  return { key: record.key, value }
}

function same({ value }: StoredRecord): Uint8Array {
  return value
}

function checked(decode: (value: Uint8Array) => unknown): Pack {
  return ({ value }) => {
    decode(value)
    return value
  }
}

/** Field by field: what is not named here, tokens above all, does not get into a backup. */
function packContact({ key, value }: StoredRecord): Uint8Array {
  const stored = decodeRecord(ContactRecordSchema, value)
  const { account, name, state, blockedFrom, trust, addedAt, verifiedAt } = stored
  const { addresses, mailboxes, bundle, bundlePath, bundleFrom, bundleSequence } = stored
  const { certificateSequence, identityKey, theirOrdinal, namedForUs } = stored
  const { ourHandshake, theirHandshake, sentCounter, receivedCounter, profileSent } = stored
  const packed = toBinary(
    ContactRecordSchema,
    create(ContactRecordSchema, {
      version: RECORD_VERSION,
      ...{ account, name, state, blockedFrom, trust, addedAt, verifiedAt },
      ...{ addresses, mailboxes, bundle, bundlePath, bundleFrom, bundleSequence },
      ...{ certificateSequence, identityKey, theirOrdinal, namedForUs },
      ...(ourHandshake && { ourHandshake }),
      ...(theirHandshake && { theirHandshake }),
      ...{ sentCounter, receivedCounter, profileSent, gaps: stored.gaps },
      ...(stored.irregularities && { irregularities: stored.irregularities }),
    }),
  )
  decodeContact(key.slice(keys.contacts.length), packed, 0)
  return packed
}

/** The pairs that were brought there are not in a backup: new ones are due. */
function packMailbox({ key, value }: StoredRecord): Uint8Array {
  const put = putEnrolment({ ...decodeEnrolment(value), refilledAt: 0 })
  if (put.type !== 'put' || put.key !== key) throw new DecodeError('ERR_MALFORMED')
  return put.value
}

export interface NodeRefitInit {
  /** Unix ms by the clock of this computer. */
  readonly now: number
  /** When the backup was made. */
  readonly createdAt: number
}

/** Takes the records of a backup in their order and gives those of the folder. Throws `DecodeError` for one that is not sound. */
export class NodeRefit {
  /** Unix ms; a clock that was set back must not make anything older than the backup. */
  readonly restoredAt: number
  #last = ''
  #contacts = 0
  #messages = 0

  constructor({ now, createdAt }: NodeRefitInit) {
    this.restoredAt = Math.max(now, createdAt)
  }

  get counts(): NodeCounts {
    return { contacts: this.#contacts, messages: this.#messages }
  }

  /** What the folder gets for a record of the backup: what another program has put into one is left out here, too. */
  take(record: StoredRecord): readonly StoredRecord[] {
    if (record.key <= this.#last) throw new DecodeError('ERR_MALFORMED')
    this.#last = record.key
    if (!isKept(record.key)) return []
    const packed = pack(record)
    if (packed.key.startsWith(MESSAGES)) this.#messages++
    if (!packed.key.startsWith(keys.contacts)) return [packed]
    this.#contacts++
    return [{ key: packed.key, value: this.#marked(packed.value) }]
  }

  end(): readonly StoredRecord[] {
    return []
  }

  /** The conversation begins again when the node has started. */
  #marked(contact: Uint8Array): Uint8Array {
    const stored = decodeRecord(ContactRecordSchema, contact)
    stored.restoredAt = BigInt(this.restoredAt)
    return toBinary(ContactRecordSchema, stored)
  }
}
