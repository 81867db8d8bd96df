// Notes of our mailboxes that come with first messages: each says to whom a one-time pair of ours was handed out. Two for one pair
// are a promise that the mailbox has broken.

import type { AccountKey } from '../protocol/account.ts'
import { concat, equalBytes } from '../protocol/bytes.ts'
import { verifyHandOut, type HandOut } from '../protocol/custody.ts'
import { CryptoError, DecodeError, RecordError } from '../protocol/errors.ts'
import { itemKinds, type Item } from '../protocol/padding.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { soundly, type Damages } from './damage.ts'
import { keys } from './keys.ts'
import { DAY, ONE_TIME_KEPT } from './lifetimes.ts'
import type { OwnKeys } from './own-keys.ts'

export interface HandOutNotesInit {
  readonly account: AccountKey
  readonly records: Records
  readonly clock: Clock
  readonly keys: Pick<OwnKeys, 'oneTimeMailbox'>
  /** Those we have enrolled with. */
  readonly mailboxes: () => readonly AccountKey[]
  /** Told of damaged notes. @default nobody */
  readonly damages?: Damages
}

/** What a note comes to. */
export interface Noted {
  /** To be committed with the session of the message. */
  readonly operations: readonly Operation[]
  /** The mailbox that has handed out one pair twice. */
  readonly broken: AccountKey | undefined
}

const NOTHING: Noted = { operations: [], broken: undefined }

const NONCE_BYTES = 16

export class HandOutNotes {
  readonly #init: HandOutNotesInit

  constructor(init: HandOutNotesInit) {
    this.#init = init
  }

  /** Looks at the note among the items of a first message that has opened. Rejects with `StoreError`. */
  async look(items: readonly Item[]): Promise<Noted> {
    const value = items.find(({ kind }) => kind === itemKinds.handOutNote)?.value
    const read = value === undefined ? undefined : this.#read(value)
    if (read === undefined) return NOTHING
    const { mailbox, note } = read
    const key = keys.note(mailbox, note.keyId)
    const before = await soundly(this.#init.records, key)
    if (before === 'damaged') this.#init.damages?.note({ what: 'other', key })
    else if (before !== undefined) {
      const same = equalBytes(before.subarray(0, NONCE_BYTES), note.nonce)
      return { operations: [], broken: same ? undefined : mailbox }
    }
    const { keys: ownKeys, clock } = this.#init
    const meant = ownKeys.oneTimeMailbox(note.keyId)
    // Neither a pair that we have nor one that was noted: nothing to compare it with, and no end to such numbers.
    if (meant === undefined || !equalBytes(meant, mailbox)) return NOTHING
    return { operations: [put(key, note, clock.now())], broken: undefined }
  }

  /** The note, if one of our mailboxes has signed it for a pair of ours. */
  #read(signed: Uint8Array): { readonly mailbox: AccountKey; readonly note: HandOut } | undefined {
    const { account: owner, mailboxes } = this.#init
    for (const mailbox of mailboxes()) {
      try {
        return { mailbox, note: verifyHandOut(signed, { mailbox, owner }) }
      } catch (cause) {
        if (cause instanceof DecodeError || cause instanceof RecordError) continue
        if (!(cause instanceof CryptoError)) throw cause
      }
    }
    return undefined
  }
}

function put(key: string, { nonce }: HandOut, now: number): Operation {
  const time = new Uint8Array(8)
  new DataView(time.buffer).setBigUint64(0, BigInt(now))
  return { type: 'put', key, value: concat(nonce, time) }
}

/** Lets go of notes for pairs that nobody can use any more. Rejects with `StoreError`. */
export async function forgetNotes(records: Records, by: number): Promise<void> {
  await forget(records, (at) => at < by - ONE_TIME_KEPT)
}

/** Lets go of what a clock that was ahead has dated. Rejects with `StoreError`. */
export async function forgetNotesAhead(records: Records, now: number): Promise<void> {
  await forget(records, (at) => at > now + DAY)
}

async function forget(records: Records, isOld: (at: number) => boolean): Promise<void> {
  const gone: Operation[] = []
  const take = (key: string): void => void gone.push({ type: 'del', key })
  for await (const { key, value } of records.range(keys.notes, { damaged: take })) {
    const view = new DataView(value.buffer, value.byteOffset)
    if (isOld(Number(view.getBigUint64(NONCE_BYTES)))) take(key)
  }
  if (gone.length > 0) await records.commit(gone)
}
