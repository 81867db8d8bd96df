// Lets go of what has been kept for as long as was promised.

import { keys, readExpiryName } from './keys.ts'
import { decodeExpiry } from './stored.ts'
import type { Operation, Records } from '../../net/records.ts'
import type { ExpiryName } from './keys.ts'
import type { Members } from './members.ts'
import type { Queue } from './queue.ts'
import type { Shelf } from './shelf.ts'
import type { SoundRecords } from './sound-records.ts'
import type { StoredExpiry } from './stored.ts'

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
  readonly shelf: Shelf
}

export class Expiry {
  readonly #init: ExpiryInit

  constructor(init: ExpiryInit) {
    this.#init = init
  }

  /** Some of what is due at this moment of the time base. True when there may be more. One at a time. Throws `StoreError`. */
  async run(now: number): Promise<boolean> {
    const due = await this.#due(now)
    await this.#mail(due.filter(({ name }) => name.kind === 'mail'))
    await Promise.all(due.filter(({ name }) => name.kind !== 'mail').map((one) => this.#other(one)))
    return due.length === RUN
  }

  async #due(now: number): Promise<readonly Due[]> {
    const { sound } = this.#init
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
    const { queue, records, sound } = this.#init
    for (const [number, items] of byMember(entries)) await queue.remove(number, items, 'expired')
    const left: Due[] = []
    for (const due of entries) {
      if ((await sound.get(due.key, () => true)) !== undefined) left.push(due)
    }
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
    const { members, records, shelf } = this.#init
    if (kind === 'pair' && members.get(member) !== undefined) await shelf.expire(member, entry)
    const pair = kind === 'pair' ? [del(keys.pair(member, entry))] : []
    const mark = kind === 'taken' ? [del(keys.taken(member, entry))] : []
    await records.commit([del(key), ...pair, ...mark])
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
