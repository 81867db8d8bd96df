// What goes into a backup, and what a restore changes of it, so that a mailbox that has forgotten its last hours breaks no promise
// that it gave in them (docs/mailbox.md, "Backups").

import { DecodeError } from '../../protocol/errors.ts'
import { STRANGER } from '../lanes.ts'
import { NO_FLOW } from '../flow.ts'
import { keys, lastNumber, readExpiryName } from '../level/keys.ts'
import { decodeExpiry, decodeFormer, decodeItem, decodeMember } from '../level/stored.ts'
import { decodePolicy, decodeReceipt, decodeTime } from '../level/stored.ts'
import { encodeFormer, encodeMember, encodePolicy } from '../level/stored.ts'
import { decodeRestored, encodeRestored } from '../restored.ts'
import type { StoredRecord } from '../../net/records.ts'
import type { StoredFormer, StoredMember } from '../level/stored.ts'

/** The shelf, with the marks of what was given from it, and the tokens, of which one may be revoked by now: owners bring both. */
const LEFT: readonly string[] = ['mailbox/pair/', 'mailbox/taken/', 'mailbox/tokens/']

/** Whether a record goes into a backup, and comes back from one. */
export function isKept(key: string): boolean {
  if (key.startsWith(keys.expiries)) return readExpiryName(key).kind === 'mail'
  return key.startsWith('mailbox/') && !LEFT.some((prefix) => key.startsWith(prefix))
}

const LAYOUTS: readonly (readonly [string, (value: Uint8Array) => unknown])[] = [
  [keys.members, decodeMember],
  [keys.policies, decodePolicy],
  [keys.allItems, decodeItem],
  [keys.allReceipts, decodeReceipt],
  [keys.expiries, decodeExpiry],
  [keys.former, decodeFormer],
  [keys.restored, decodeRestored],
  [keys.time, decodeTime],
]

/** The record, as it is. Throws `DecodeError` for one that is not what its name says. */
export function checked(record: StoredRecord): StoredRecord {
  LAYOUTS.find(([prefix]) => record.key.startsWith(prefix))?.[1](record.value)
  return record
}

/** What stands in a backup for a damaged record; nothing for most. */
export function insteadOf(key: string): StoredRecord | undefined {
  if (!key.startsWith(keys.policies)) return undefined
  // Without a policy a member would be active, and may have been suspended.
  return { key, value: encodePolicy({ label: '', status: 'suspended', quota: undefined }) }
}

/** Ids given since the backup are left behind: by their number, and by the clock, as one backup may be restored twice. */
const ID_STEP = 2 ** 32
const IDS_PER_MS = 1024
const MAX_CLOCK_IDS = 2 ** 52

/** What waits in one box, counted. */
interface Waiting {
  readonly bytes: number
  readonly messages: number
  readonly strangerBytes: number
  readonly strangerMessages: number
}

const NOTHING: Waiting = { bytes: 0, messages: 0, strangerBytes: 0, strangerMessages: 0 }

/** What is in a backup. */
export interface MailboxCounts {
  readonly members: number
  /** Envelopes that wait. */
  readonly messages: number
}

export interface RefitInit {
  /** Unix ms by the clock of this computer. */
  readonly now: number
  /** When the backup was made. */
  readonly createdAt: number
}

/** Takes the records of a backup in their order and gives those of the folder. Throws `DecodeError` for one that is not sound. */
export class Refit {
  readonly #waiting = new Map<number, Waiting>()
  #former: StoredFormer = { last: 0, flow: NO_FLOW }
  #restoredAt: number
  #last = ''
  #members = 0
  #messages = 0

  constructor({ now, createdAt }: RefitInit) {
    // A clock that was set back must not make anything older than the backup.
    this.#restoredAt = Math.max(now, createdAt)
  }

  get restoredAt(): number {
    return this.#restoredAt
  }

  get counts(): MailboxCounts {
    return { members: this.#members, messages: this.#messages }
  }

  /** What the folder gets for a record of the backup. */
  take(record: StoredRecord): readonly StoredRecord[] {
    const { key, value } = record
    // Mail is counted before the record of its owner comes.
    if (key <= this.#last) throw new DecodeError('ERR_MALFORMED')
    this.#last = key
    if (!isKept(key)) return []
    this.#note(key)
    if (key === keys.former) return this.#keepFormer(value)
    if (key === keys.restored) return this.#keepRestored(value)
    if (key.startsWith(keys.allItems)) this.#count(key, value)
    if (!key.startsWith(keys.members)) return [record]
    this.#members++
    return [{ key, value: encodeMember(this.#member(lastNumber(key), decodeMember(value))) }]
  }

  /** What comes behind the last record. */
  end(): readonly StoredRecord[] {
    return [
      { key: keys.former, value: encodeFormer(this.#former) },
      { key: keys.restored, value: encodeRestored(this.#restoredAt) },
    ]
  }

  /** No number is given twice, also of a member whose record was damaged: mail may be stored under it. */
  #note(key: string): void {
    const number = memberOf(key)
    if (number > this.#former.last) this.#former = { ...this.#former, last: number }
  }

  #keepFormer(value: Uint8Array): readonly StoredRecord[] {
    const { last, flow } = decodeFormer(value)
    this.#former = { last: Math.max(last, this.#former.last), flow }
    return []
  }

  #keepRestored(value: Uint8Array): readonly StoredRecord[] {
    this.#restoredAt = Math.max(this.#restoredAt, decodeRestored(value))
    return []
  }

  #count(key: string, value: Uint8Array): void {
    const { slot, envelope } = decodeItem(value)
    const number = memberOf(key)
    const before = this.#waiting.get(number) ?? NOTHING
    const strange = slot === STRANGER
    this.#messages++
    this.#waiting.set(number, {
      bytes: before.bytes + envelope.length,
      messages: before.messages + 1,
      strangerBytes: before.strangerBytes + (strange ? envelope.length : 0),
      strangerMessages: before.strangerMessages + (strange ? 1 : 0),
    })
  }

  /** Counters of what is there now: mail may have been damaged, and the shelf is empty. */
  #member(number: number, stored: StoredMember): StoredMember {
    const waiting = this.#waiting.get(number) ?? NOTHING
    const removed = stored.flow.removed + Math.max(0, stored.messages - waiting.messages)
    const byClock = Math.min(this.#restoredAt * IDS_PER_MS, MAX_CLOCK_IDS)
    const lastItem = Math.max(stored.lastItem + ID_STEP, byClock)
    const flow = { ...stored.flow, removed }
    return { ...stored, ...waiting, lastItem, pairs: 0, flow }
  }
}

/** The member that a record belongs to; 0 for those of the mailbox itself. */
function memberOf(key: string): number {
  if (key.startsWith(keys.expiries)) return readExpiryName(key).member
  const number = Number.parseInt(key.split('/')[2] ?? '', 16)
  return Number.isNaN(number) ? 0 : number
}
