// Lets go of what has been kept for as long as was promised.

import { expiresAt, keys } from './keys.ts'
import { decodeExpiry } from './stored.ts'
import type { Operation, Records } from '../net/records.ts'
import type { Members } from './members.ts'
import type { PrekeyShelf } from './prekey-shelf.ts'
import type { Queue } from './queue.ts'
import type { StoredExpiry } from './stored.ts'
import type { TimeBase } from './time-base.ts'

/** Entries handled together. */
const RUN = 256

type Mail = StoredExpiry & { readonly kind: 'mail' }

interface Due<T extends StoredExpiry> {
  readonly key: string
  readonly entry: T
}

export interface ExpiryInit {
  readonly records: Records
  readonly members: Members
  readonly queue: Queue
  readonly shelf: PrekeyShelf
  readonly time: TimeBase
}

export class Expiry {
  readonly #init: ExpiryInit
  #expired = 0

  constructor(init: ExpiryInit) {
    this.#init = init
  }

  /** Envelopes that were never fetched, since the start. */
  get expired(): number {
    return this.#expired
  }

  /** Everything that is due. Throws `StoreError`. */
  async sweep(): Promise<void> {
    while (await this.#run());
  }

  /** Some of what is due. True when there may be more. */
  async #run(): Promise<boolean> {
    const { records, time } = this.#init
    const now = time.now()
    const due: Due<StoredExpiry>[] = []
    for await (const { key, value } of records.range(keys.expiries, { limit: RUN })) {
      if (expiresAt(key) > now) break
      due.push({ key, entry: decodeExpiry(value) })
    }
    await this.#mail(due.filter((one) => isMail(one)))
    await Promise.all(due.filter((one) => !isMail(one)).map((one) => this.#other(one)))
    return due.length === RUN
  }

  /** Envelopes first, with all that belongs to them; then the deposit ids of those that were fetched before. */
  async #mail(entries: readonly Due<Mail>[]): Promise<void> {
    const { queue, records } = this.#init
    const before = queue.removed
    for (const [number, items] of byMember(entries)) await queue.remove(number, items, true)
    this.#expired += queue.removed - before
    const left: Due<Mail>[] = []
    for (const due of entries) if ((await records.get(due.key)) !== undefined) left.push(due)
    if (left.length > 0) await records.commit(left.flatMap((due) => this.#forget(due)))
  }

  #forget({ key, entry: { member: number, depositId } }: Due<Mail>): readonly Operation[] {
    const { members } = this.#init
    const member = members.get(number)
    const counters =
      member === undefined ? [] : [members.change(member, { receipts: member.receipts - 1 })]
    return [del(key), del(keys.receipt(number, depositId)), ...counters]
  }

  async #other({ key, entry }: Due<StoredExpiry>): Promise<void> {
    const { records, shelf } = this.#init
    if (entry.kind === 'pair') await shelf.expire(entry.member, entry.place)
    const mark = entry.kind === 'taken' ? [del(keys.taken(entry.member, entry.pairId))] : []
    await records.commit([del(key), ...mark])
  }
}

function del(key: string): Operation {
  return { type: 'del', key }
}

function byMember(entries: readonly Due<Mail>[]): Map<number, number[]> {
  const groups = new Map<number, number[]>()
  for (const {
    entry: { member, item },
  } of entries) {
    const group = groups.get(member)
    if (group === undefined) groups.set(member, [item])
    else group.push(item)
  }
  return groups
}

function isMail(due: Due<StoredExpiry>): due is Due<Mail> {
  return due.entry.kind === 'mail'
}
