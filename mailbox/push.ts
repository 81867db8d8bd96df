// Handing mail to its owner: a window of envelopes that were sent and not yet acknowledged, refilled as they are.

import { ShortLived } from '../net/short-lived.ts'
import { toHex } from '../protocol/bytes.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { MailboxStore, QueuedRun } from './store.ts'

/** Bytes of envelopes in one frame, unless the first is larger. Leaves room for the frame's own bytes. */
const FRAME_BYTES = 192 * 1024

/** Envelopes in one frame: a quarter of a window, so that reading, carrying, storing and deleting go on side by side. */
const FRAME_ITEMS = 64

export interface OutletInit {
  readonly store: MailboxStore
  readonly owner: AccountKey
  /** The window. */
  readonly items: number
  readonly bytes: number
  /** Sends a run, and resolves when there is room for more. */
  readonly send: (run: QueuedRun) => Promise<void>
  /** Told when reading or sending failed: the channel is of no use then. */
  readonly fail: (cause: unknown) => void
}

/**
 * What one fetching channel gets. Its lease ends with it: the next channel of that owner begins with the oldest envelope that
 * is still there.
 *
 *   paused --resume--> open --poke--> sending --window full or nothing more--> open --acknowledged, poke--> ...
 *   open --pause (a newer channel fetches)--> paused        any --end--> ended
 */
export class Outlet {
  readonly #init: OutletInit
  /** Sent and not acknowledged, with sizes. */
  readonly #leased = new ShortLived<number, number>()
  #status: 'paused' | 'open' | 'ended' = 'paused'
  #leasedBytes = 0
  #cursor = 0
  #sending = false
  #poked = false
  /** How often the queue was begun again. */
  #beginnings = 0

  constructor(init: OutletInit) {
    this.#init = init
  }

  get owner(): AccountKey {
    return this.#init.owner
  }

  /** Sends what waits, oldest first, one frame at least, even if it is empty. What is leased to this channel is left out. */
  async resume(): Promise<void> {
    this.#status = 'open'
    this.#cursor = 0
    this.#beginnings++
    await this.#pump(true)
  }

  pause(): void {
    if (this.#status === 'open') this.#status = 'paused'
  }

  end(): void {
    this.#status = 'ended'
  }

  /** Something may wait. */
  async poke(): Promise<void> {
    await this.#pump(false)
  }

  /** These are no longer in the queue, whoever acknowledged them. */
  async acknowledged(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.#leasedBytes -= this.#leased.take(id) ?? 0
    await this.#pump(false)
  }

  /** One loop at a time; a poke during a step makes it look again. Never rejects. */
  async #pump(evenEmpty: boolean): Promise<void> {
    this.#poked = true
    if (this.#sending) return
    this.#sending = true
    try {
      let first = evenEmpty
      while (this.#poked && this.#status === 'open') {
        this.#poked = false
        if (await this.#step(first)) this.#poked = true
        first = false
      }
    } catch (cause) {
      this.#status = 'ended'
      this.#init.fail(cause)
    } finally {
      this.#sending = false
    }
  }

  /** Sends one run. True when there may be more to send at once. */
  async #step(evenEmpty: boolean): Promise<boolean> {
    const room = this.#room()
    if (room === undefined && !evenEmpty) return false
    const beginning = this.#beginnings
    const none = { items: 0, bytes: 0 }
    const found = await this.#init.store.read(this.owner, this.#cursor, room ?? none)
    if (this.#status !== 'open' || beginning !== this.#beginnings) return false
    const items = found.items.filter(({ id }) => !this.#leased.has(id))
    this.#cursor = found.items.at(-1)?.id ?? this.#cursor
    for (const { id, envelope } of items) {
      this.#leased.set(id, envelope.length)
      this.#leasedBytes += envelope.length
    }
    if (items.length > 0 || evenEmpty) await this.#init.send({ items, more: found.more })
    return found.more
  }

  #room(): { items: number; bytes: number } | undefined {
    const items = Math.min(FRAME_ITEMS, this.#init.items - this.#leased.size)
    const bytes = Math.min(FRAME_BYTES, this.#init.bytes - this.#leasedBytes)
    return items > 0 && bytes > 0 ? { items, bytes } : undefined
  }
}

/** The fetching channels of all owners. The newest of an owner gets the mail; when it ends, the one before does. */
export class Outlets {
  /** By account. */
  readonly #byOwner = new Map<string, Outlet[]>()

  async add(outlet: Outlet): Promise<void> {
    const others = this.#byOwner.get(toHex(outlet.owner)) ?? []
    for (const other of others) other.pause()
    this.#byOwner.set(toHex(outlet.owner), [...others, outlet])
    await outlet.resume()
  }

  async remove(outlet: Outlet): Promise<void> {
    outlet.end()
    const all = this.#byOwner.get(toHex(outlet.owner)) ?? []
    const rest = all.filter((other) => other !== outlet)
    if (rest.length === 0) this.#byOwner.delete(toHex(outlet.owner))
    else this.#byOwner.set(toHex(outlet.owner), rest)
    if (all.at(-1) === outlet) await rest.at(-1)?.resume()
  }

  /** Mail has arrived. */
  async poke(owner: AccountKey): Promise<void> {
    await this.#byOwner.get(toHex(owner))?.at(-1)?.poke()
  }

  async acknowledged(owner: AccountKey, ids: readonly number[]): Promise<void> {
    const outlets = this.#byOwner.get(toHex(owner)) ?? []
    await Promise.all(outlets.map((outlet) => outlet.acknowledged(ids)))
  }
}
