// The mail that waits: reading it in order, and removing exactly what is named.

import { ShortLived } from '../../net/short-lived.ts'
import { addFlow } from '../flow.ts'
import { STRANGER } from '../lanes.ts'
import { keys, lastNumber } from './keys.ts'
import { RecentItems } from './recent-items.ts'
import { Damaged } from './sound-records.ts'
import { decodeItem, ITEM_HEADER_BYTES } from './stored.ts'
import type { Operation, Records } from '../../net/records.ts'
import type { Flow } from '../flow.ts'
import type { QueuedItem, QueuedRun, Room, StoreLimits } from '../store.ts'
import type { Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'
import type { Reading } from './recent-items.ts'
import type { StoredItem } from './stored.ts'

interface Receipt {
  readonly depositId: Uint8Array
  readonly takenAt: number
  readonly expiresAt: number
}

/** Why an envelope goes. Unless its owner had it, its deposit id is forgotten too. */
type End = 'acknowledged' | 'expired' | 'removed'

/** Envelopes of a box that is emptied, deleted together. */
const RUN = 256

/** What removing needs to know: not the envelopes themselves, of which one request may name a thousand. */
interface Found {
  /** Unknown when the item is damaged. */
  readonly receipt: Receipt | undefined
  readonly bytes: number
  /** Whether a stranger left it, as far as it can be told. */
  readonly isStrange: boolean
}

export interface QueueInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly limits: StoreLimits
}

export class Queue {
  readonly #init: QueueInit
  /** What is being removed, by `member/id`: asked twice, it counts once, and both answers wait for the one commit. */
  readonly #removals = new ShortLived<string, Promise<readonly number[]>>()
  readonly #recent = new RecentItems<Found>((name) => this.#removals.has(name))

  constructor(init: QueueInit) {
    this.#init = init
  }

  /** What waits behind an id, oldest first: at most `items`, and `bytes` unless the first is larger. What is damaged is left out. */
  async read(member: number, after: number, room: Room): Promise<QueuedRun> {
    const reading = this.#recent.reading(member)
    try {
      return await this.#read(member, after, { ...room, found: reading.found })
    } finally {
      reading.end()
    }
  }

  /**
   * Deletes the named envelopes of a member and no others; ids that name nothing are passed over. Durable when it resolves.
   * The deposit ids of those that are acknowledged stay known until they expire, unless too many are known. Returns when those were
   * taken that this call has deleted, as far as they are sound.
   */
  async remove(
    member: number,
    ids: readonly number[],
    end: End = 'acknowledged',
  ): Promise<readonly number[]> {
    const fresh = new Set<number>()
    const waits = new Set<Promise<unknown>>()
    for (const id of ids) {
      const running = this.#removals.get(nameOf(member, id))
      if (running === undefined) fresh.add(id)
      else waits.add(running)
    }
    const removal = fresh.size === 0 ? [] : this.#start(member, [...fresh], end)
    const [taken] = await Promise.all([removal, ...waits])
    return taken
  }

  /** Deletes everything up to an id. */
  async empty(member: number, last: number): Promise<void> {
    for (let after = 0; after < last;) {
      const ids: number[] = []
      const options = { from: keys.item(member, after + 1), limit: RUN }
      const passed = (key: string): void => void ids.push(lastNumber(key))
      const found = this.#init.sound.range(keys.items(member), () => true, { ...options, passed })
      for await (const { key } of found) ids.push(lastNumber(key))
      if (ids.length === 0) return
      after = Math.max(...ids)
      await this.remove(
        member,
        ids.filter((id) => id <= last),
        'removed',
      )
    }
  }

  /** A write has failed: what was read before it may not be so any more. */
  forget(): void {
    this.#recent.forget()
  }

  async #read(
    member: number,
    after: number,
    { items: most, bytes: mostBytes, found }: Room & Pick<Reading<Found>, 'found'>,
  ): Promise<QueuedRun> {
    const items: QueuedItem[] = []
    let bytes = 0
    const options = { from: keys.item(member, after + 1), limit: most + 1 }
    const waiting = this.#init.sound.range(keys.items(member), decodeItem, options)
    for await (const { key, value } of waiting) {
      const { envelope, slot } = value
      bytes += envelope.length
      if (items.length === most || (items.length > 0 && bytes > mostBytes)) {
        return { items, more: true }
      }
      const id = lastNumber(key)
      items.push({ id, envelope, slot })
      found(nameOf(member, id), foundIn(value))
    }
    return { items, more: false }
  }

  #start(member: number, ids: readonly number[], end: End): Promise<readonly number[]> {
    const names = ids.map((id) => nameOf(member, id))
    const removal = this.#remove(member, ids, end).finally(() => {
      this.#recent.gone(member, names)
      for (const name of names) void this.#removals.take(name)
    })
    for (const name of names) this.#removals.set(name, removal)
    return removal
  }

  async #remove(number: number, ids: readonly number[], end: End): Promise<readonly number[]> {
    const { records, members, limits } = this.#init
    const found = await this.#find(number, ids)
    const member = members.get(number)
    if (member === undefined || found.size === 0) return []
    const operations: Operation[] = []
    let { bytes, messages, strangerBytes, strangerMessages, receipts } = member
    for (const [id, item] of found) {
      operations.push(del(keys.item(number, id)))
      bytes -= item.bytes
      messages--
      if (item.isStrange) {
        strangerBytes -= item.bytes
        strangerMessages--
      }
      if (
        item.receipt !== undefined &&
        (receipts > limits.ownerReceipts || end !== 'acknowledged')
      ) {
        const { depositId, expiresAt } = item.receipt
        operations.push(del(keys.receipt(number, depositId)))
        operations.push(del(keys.mailExpiry(expiresAt, number, id)))
        receipts--
      }
    }
    // The size of a damaged item is a guess; that of an empty box is not.
    bytes = messages === 0 ? 0 : Math.max(0, bytes)
    strangerMessages = Math.min(messages, Math.max(0, strangerMessages))
    strangerBytes = strangerMessages === 0 ? 0 : Math.min(bytes, Math.max(0, strangerBytes))
    const counters = { bytes, messages, strangerBytes, strangerMessages, receipts }
    const flow = addFlow(member.flow, flowOf(found, end))
    operations.push(members.change(member, { ...counters, flow, items: member.items - found.size }))
    await records.commit(operations)
    return [...found.values()].flatMap(({ receipt }) => receipt?.takenAt ?? [])
  }

  /** When the first that waits was taken. */
  async oldest(member: number): Promise<number | undefined> {
    const first = this.#init.sound.range(keys.items(member), decodeItem, { limit: 1 })
    for await (const { value } of first) return value.takenAt
    return undefined
  }

  async #find(member: number, ids: readonly number[]): Promise<Map<number, Found>> {
    const found = new Map<number, Found>()
    for (const id of ids) {
      const item = this.#recent.take(nameOf(member, id)) ?? (await this.#look(member, id))
      if (item !== undefined) found.set(id, item)
    }
    return found
  }

  async #look(member: number, id: number): Promise<Found | undefined> {
    const item = await this.#init.sound.get(keys.item(member, id), decodeItem)
    if (!(item instanceof Damaged)) return item && foundIn(item)
    const bytes = Math.max(0, item.bytes - ITEM_HEADER_BYTES)
    return { receipt: undefined, bytes, isStrange: false }
  }
}

function nameOf(member: number, id: number): string {
  return `${member}/${id}`
}

function foundIn({ depositId, takenAt, expiresAt, slot, envelope }: StoredItem): Found {
  const receipt = { depositId: depositId.slice(), takenAt, expiresAt }
  return { receipt, bytes: envelope.length, isStrange: slot === STRANGER }
}

/** What is damaged was neither had by its owner nor kept for as long as was promised. */
function flowOf(found: ReadonlyMap<number, Found>, end: End): Partial<Flow> {
  if (end === 'removed') return { removed: found.size }
  const lost = [...found.values()].filter(({ receipt }) => receipt === undefined).length
  return { removed: lost, [end]: found.size - lost }
}

function del(key: string): Operation {
  return { type: 'del', key }
}
