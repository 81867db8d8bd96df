// Lets go of what has been kept for as long as was promised.

import { keys, readExpiryName } from './keys.ts'
import { decodeExpiry } from './stored.ts'
import type { Operation, Records } from '../net/records.ts'
import type { ExpiryName } from './keys.ts'
import type { Members } from './members.ts'
import type { PrekeyShelf } from './prekey-shelf.ts'
import type { Queue } from './queue.ts'
import type { SoundRecords } from './sound-records.ts'
import type { StoredExpiry } from './stored.ts'
import type { TimeBase } from './time-base.ts'

/** Entries handled together. */
const RUN = 256

interface Due {
  readonly key: string
  readonly name: ExpiryName
  /** Of mail, unless the record is damaged: then the deposit id stays known. */
  readonly depositId: Uint8Array | undefined
}

export interface ExpiryInit {
  readonly records: Records
  readonly sound: SoundRecords
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

  /** What is due, until all is done or `goOn` says no. Throws `StoreError`. */
  async sweep(goOn: () => boolean = () => true): Promise<void> {
    while (goOn() && (await this.#run()));
  }

  /** Some of what is due. True when there may be more. */
  async #run(): Promise<boolean> {
    const { members } = this.#init
    const due = await this.#due()
    // While members are being read nobody can tell what belongs to whom.
    if (!members.loaded) return false
    await this.#mail(due.filter(({ name }) => name.kind === 'mail'))
    await Promise.all(due.filter(({ name }) => name.kind !== 'mail').map((one) => this.#other(one)))
    return due.length === RUN
  }

  async #due(): Promise<readonly Due[]> {
    const { sound, time } = this.#init
    const now = time.now()
    const due: Due[] = []
    const add = (key: string, entry?: StoredExpiry): boolean => {
      const name = readExpiryName(key)
      if (name.at > now || due.length === RUN) return false
      due.push({ key, name, depositId: entry?.kind === 'mail' ? entry.depositId : undefined })
      return true
    }
    const passed = (key: string): void => void add(key)
    for await (const { key, value } of sound.range(keys.expiries, decodeExpiry, { passed })) {
      if (!add(key, value)) break
    }
    return due
  }

  /** Envelopes first, with all that belongs to them; then the deposit ids of those that were fetched before. */
  async #mail(entries: readonly Due[]): Promise<void> {
    const { members, queue, records, sound } = this.#init
    const before = queue.removed
    for (const [number, items] of byMember(entries)) await queue.remove(number, items, true)
    this.#expired += queue.removed - before
    const left: Due[] = []
    for (const due of entries) {
      if ((await sound.get(due.key, () => true)) !== undefined) left.push(due)
    }
    if (!members.loaded) return
    if (left.length > 0) await records.commit(left.flatMap((due) => this.#forget(due)))
  }

  #forget({ key, name, depositId }: Due): readonly Operation[] {
    const { members } = this.#init
    const member = members.get(name.member)
    const receipt = depositId === undefined ? [] : [del(keys.receipt(name.member, depositId))]
    // Whose member is gone goes as well.
    if (member === undefined) return [del(key), del(keys.item(name.member, name.entry)), ...receipt]
    const receipts = Math.max(0, member.receipts - 1)
    return [del(key), ...receipt, members.change(member, { receipts })]
  }

  async #other({ key, name: { kind, member, entry } }: Due): Promise<void> {
    const { records, shelf } = this.#init
    if (kind === 'pair') await shelf.expire(member, entry)
    const mark = kind === 'taken' ? [del(keys.taken(member, entry))] : []
    await records.commit([del(key), ...mark])
  }
}

function del(key: string): Operation {
  return { type: 'del', key }
}

function byMember(entries: readonly Due[]): Map<number, number[]> {
  const groups = new Map<number, number[]>()
  for (const { name } of entries) {
    const group = groups.get(name.member)
    if (group === undefined) groups.set(name.member, [name.entry])
    else group.push(name.entry)
  }
  return groups
}
