// The mail that waits: reading it in order, and removing exactly what is named.

import { keys, lastNumber } from './keys.ts'
import { decodeItem } from './stored.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'
import type { Members } from './members.ts'

/** An envelope under the number by which its owner acknowledges it. */
export interface QueuedItem {
  readonly id: number
  readonly envelope: Uint8Array
}

export interface QueuedRun {
  readonly items: readonly QueuedItem[]
  /** More waits behind. */
  readonly more: boolean
}

/** What removing needs to know: not the envelopes themselves, of which one request may name a thousand. */
interface Found {
  readonly depositId: Uint8Array
  readonly expiresAt: number
  readonly bytes: number
}

export interface QueueInit {
  readonly records: Records
  readonly members: Members
  readonly limits: MailboxLimits
}

export class Queue {
  readonly #init: QueueInit
  /** What is being removed, by `member/id`: asked twice, it counts once, and both answers wait for the one commit. */
  readonly #removals = new Map<string, Promise<void>>()
  #removed = 0

  constructor(init: QueueInit) {
    this.#init = init
  }

  /** Envelopes removed since the start. */
  get removed(): number {
    return this.#removed
  }

  /** What waits behind an id, oldest first: at most `items`, and `bytes` unless the first is larger. */
  async read(
    member: number,
    after: number,
    room: { readonly items: number; readonly bytes: number },
  ): Promise<QueuedRun> {
    const items: QueuedItem[] = []
    let bytes = 0
    const from = keys.item(member, after + 1)
    const options = { from, limit: room.items + 1 }
    for await (const { key, value } of this.#init.records.range(keys.items(member), options)) {
      const { envelope } = decodeItem(value)
      bytes += envelope.length
      if (items.length === room.items || (items.length > 0 && bytes > room.bytes)) {
        return { items, more: true }
      }
      items.push({ id: lastNumber(key), envelope })
    }
    return { items, more: false }
  }

  /**
   * Deletes the named envelopes of a member and no others; ids that name nothing are passed over. Durable when it resolves.
   * Their deposit ids stay known until they expire, unless `forget` is set or too many are known.
   */
  async remove(member: number, ids: readonly number[], forget = false): Promise<void> {
    const fresh = new Set<number>()
    const waits = new Set<Promise<void>>()
    for (const id of ids) {
      const running = this.#removals.get(`${member}/${id}`)
      if (running === undefined) fresh.add(id)
      else waits.add(running)
    }
    if (fresh.size > 0) waits.add(this.#start(member, [...fresh], forget))
    await Promise.all(waits)
  }

  #start(member: number, ids: readonly number[], forget: boolean): Promise<void> {
    const names = ids.map((id) => `${member}/${id}`)
    const removal = this.#remove(member, ids, forget).finally(() => {
      for (const name of names) this.#removals.delete(name)
    })
    for (const name of names) this.#removals.set(name, removal)
    return removal
  }

  async #remove(number: number, ids: readonly number[], forget: boolean): Promise<void> {
    const { records, members, limits } = this.#init
    const found = await this.#find(number, ids)
    const member = members.get(number)
    if (member === undefined || found.size === 0) return
    const operations: Operation[] = []
    let { bytes, messages, receipts } = member
    for (const [id, item] of found) {
      operations.push(del(keys.item(number, id)))
      bytes -= item.bytes
      messages--
      if (receipts > limits.ownerReceipts || forget) {
        operations.push(del(keys.receipt(number, item.depositId)))
        operations.push(del(keys.mailExpiry(item.expiresAt, number, id)))
        receipts--
      }
    }
    operations.push(members.change(member, { bytes, messages, receipts }))
    await records.commit(operations)
    this.#removed += found.size
  }

  async #find(member: number, ids: readonly number[]): Promise<Map<number, Found>> {
    const found = new Map<number, Found>()
    for (const id of ids) {
      const value = await this.#init.records.get(keys.item(member, id))
      if (value === undefined) continue
      const { depositId, expiresAt, envelope } = decodeItem(value)
      found.set(id, { depositId: depositId.slice(), expiresAt, bytes: envelope.length })
    }
    return found
  }
}

function del(key: string): Operation {
  return { type: 'del', key }
}
