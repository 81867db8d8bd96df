// One-time pairs. Whoever makes the mark of a pair has taken it; that it leaves the box afterwards only saves others the try.

import { toHex } from '../../protocol/bytes.ts'
import { StoreError } from '../../net/store-error.ts'
import { mayTake } from '../lanes.ts'
import { Refusal } from '../refusal.ts'
import { names } from './names.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { NewPair, StoreLimits } from '../store.ts'
import type { Box, PairRef } from './box.ts'
import type { Boxes } from './boxes.ts'

const MAX_TRIES = 1000

export interface ShelfInit {
  readonly boxes: Boxes
  readonly limits: StoreLimits
}

export class Shelf {
  readonly #init: ShelfInit

  constructor(init: ShelfInit) {
    this.#init = init
  }

  /** `MailboxStore.putPairs`. */
  async put(
    owner: AccountKey,
    pairs: readonly NewPair[],
    shelfUntil: number,
    voidUntil: number,
  ): Promise<void> {
    const { boxes, limits } = this.#init
    const written = new Map<string, string>()
    await boxes.change(owner, async (box) => {
      const missing = await this.#missing(box, pairs)
      const kept = box.pairs.filter(({ expiresAt }) => expiresAt > voidUntil)
      const gone = box.pairs.filter(({ expiresAt }) => expiresAt <= voidUntil)
      if (missing.length + gone.length === 0) return { result: undefined }
      if (kept.length + missing.length > limits.ownerPairs) throw new Refusal('quota')
      const refs: PairRef[] = []
      for (const { id, expiresAt, signed } of missing) {
        const due = { kind: 'pair', account: toHex(owner), box: box.id } as const
        const name = `${box.id} ${id}`
        const blob = written.get(name) ?? (await boxes.writeBlob(due, shelfUntil, signed))
        written.set(name, blob)
        refs.push({ id, blob, expiresAt })
      }
      const garbage = gone.map(({ blob }) => names.blob(box.id, blob))
      return { next: { ...box, pairs: [...kept, ...refs], garbage }, result: undefined }
    })
  }

  async take(
    owner: AccountKey,
    now: number,
    knownUntil: number,
    tokenHash?: Uint8Array,
  ): Promise<NewPair | undefined> {
    const { boxes, limits } = this.#init
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const box = await boxes.find(owner)
      if (box === undefined) throw new Refusal('unavailable')
      const shelf = { pairs: box.pairs.length, reserved: limits.reservedPairs }
      if (!mayTake(box.tokens, tokenHash, shelf)) return undefined
      const at = box.pairs.findIndex(({ expiresAt }) => expiresAt > now)
      const gone = at < 0 ? box.pairs : box.pairs.slice(0, at + 1)
      const ref = box.pairs[at]
      const taken = ref === undefined ? undefined : await this.#claim(owner, box, ref, knownUntil)
      if (gone.length > 0) await this.#drop(owner, gone)
      if (taken !== undefined || ref === undefined) return taken
    }
    throw new StoreError('ERR_IO')
  }

  /** A pair's time on the shelf is over. */
  async expire(owner: Uint8Array, blob: string): Promise<void> {
    await this.#drop(owner, [{ blob }])
  }

  /** Those that were never here, each once. The marks are read after the box: whoever takes a pair makes its mark before. */
  async #missing(box: Box, pairs: readonly NewPair[]): Promise<readonly NewPair[]> {
    const seen = new Set(box.pairs.map(({ id }) => id))
    const missing: NewPair[] = []
    for (const pair of pairs) {
      if (seen.has(pair.id)) continue
      seen.add(pair.id)
      const mark = await this.#init.boxes.entries.get(names.taken(box.id, pair.id))
      if (mark === undefined) missing.push(pair)
    }
    return missing
  }

  /** Undefined when somebody else has it, or it is damaged. */
  async #claim(
    owner: AccountKey,
    box: Box,
    { id, blob, expiresAt }: PairRef,
    knownUntil: number,
  ): Promise<NewPair | undefined> {
    const { boxes } = this.#init
    const signed = await boxes.readBlob(box.id, blob)
    if (signed === undefined) return undefined
    const entry = String(id)
    await boxes.fallDue({ kind: 'taken', account: toHex(owner), box: box.id, entry }, knownUntil)
    const won = await boxes.entries.put(names.taken(box.id, id), Uint8Array.of(1), 0)
    return won ? { id, expiresAt, signed } : undefined
  }

  async #drop(owner: Uint8Array, gone: readonly { readonly blob: string }[]): Promise<void> {
    const blobs = new Set(gone.map(({ blob }) => blob))
    await this.#init.boxes.change(owner, async (box) => {
      const dropped = box.pairs.filter(({ blob }) => blobs.has(blob))
      if (dropped.length === 0) return { result: undefined }
      const pairs = box.pairs.filter(({ blob }) => !blobs.has(blob))
      const garbage = dropped.map(({ blob }) => names.blob(box.id, blob))
      return { next: { ...box, pairs, garbage }, result: undefined }
    })
  }
}
