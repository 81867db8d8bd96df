/**
 * What a store was given, in order: every batch is numbered and hashed onto the one before it, in the batch itself. A hole in
 * the log of the database is then a number that is missing, and who has noted the end of the chain elsewhere knows when a store
 * has less, or something else, than it once had.
 *
 *   PREFIX + SLOT   u64 number ‖ hash[16] of the batch before ‖ hash[16]       SLOT = number mod 1000, three digits
 *   PREFIX + base   u64 number of the first batch of this chain
 *   hash            G(16, none, "commit"; hash before ‖ u64 number ‖ the tags of the sealed values, in order)
 */
import { concat, equalBytes, u64 } from '../protocol/bytes.ts'
import { hash } from '../protocol/crypto.ts'
import { DecodeError } from '../protocol/errors.ts'
import { reader } from '../protocol/reader.ts'
import type { Write } from './operation.ts'
import type { StoredRecord } from './record-reader.ts'

/** The end of a chain: so many batches, with this hash (16 bytes) at the last of them. */
export interface CommitMark {
  readonly number: number
  readonly hash: Uint8Array
}

export const COMMIT_HASH_BYTES = 16

/** Of a store to which nothing was written. */
export const NO_COMMIT: CommitMark = { number: 0, hash: new Uint8Array(COMMIT_HASH_BYTES) }

/** Batches that are remembered. */
export const CHAIN_LENGTH = 1000

/** A value ends in it, and it depends on all of the value and on its name. */
const TAG_BYTES = 16

export interface ChainInit {
  readonly prefix: string
  /** The records under the prefix, sound ones only. Throws `StoreError` when the database fails. */
  readonly read: (prefix: string) => AsyncIterable<StoredRecord>
  /** A put of the value, sealed. */
  readonly seal: (key: string, value: Uint8Array) => Write
}

/** What a store says of itself. */
export interface StoredChain {
  readonly head: CommitMark
  /** Nothing of the last batches is missing between others. */
  readonly isWhole: boolean
  /** The hash at a number, if it is remembered. */
  readonly hashAt: (number: number) => Uint8Array | undefined
}

/** What numbers a batch. */
export interface Stamp {
  /** What the batch makes the end of the chain. */
  readonly mark: CommitMark
  /** Written with it. */
  readonly writes: readonly Write[]
  /** It begins another chain, above this number. */
  readonly above: number | undefined
}

interface Link extends CommitMark {
  readonly before: Uint8Array
}

export class CommitChain {
  readonly #init: ChainInit
  /** In the database, synced or not. Undefined until it was read. */
  #head: CommitMark | undefined
  /** The next batch that is numbered begins another chain, above this number. */
  #above: number | undefined

  constructor(init: ChainInit) {
    this.#init = init
  }

  /** What is stored. Throws `StoreError`. */
  async load(): Promise<StoredChain> {
    const { prefix, read } = this.#init
    const stored: StoredRecord[] = []
    for await (const record of read(prefix)) stored.push(record)
    const chain = judgeChain(prefix, stored)
    this.#head ??= chain.head
    return chain
  }

  /** Numbers a batch. One after the other: the one before is `written` or distrusted. Throws `StoreError`. */
  async stamp(batch: readonly Write[]): Promise<Stamp> {
    const head = (this.#head ??= (await this.load()).head)
    const above = this.#above
    const before =
      above === undefined ? head : { ...NO_COMMIT, number: Math.max(above, head.number) }
    const number = before.number + 1
    const tags = batch.flatMap((write) =>
      write.type === 'put' ? [write.value.subarray(-TAG_BYTES)] : [],
    )
    const mark = {
      number,
      hash: hash(COMMIT_HASH_BYTES, 'commit', before.hash, u64(number), ...tags),
    }
    const { prefix, seal } = this.#init
    const link = seal(prefix + slotOf(number), concat(u64(number), before.hash, mark.hash))
    const fresh = above === undefined ? [] : this.#fresh(number)
    return { mark, writes: [...fresh, link], above }
  }

  /** A stamped batch is in the database. */
  written({ mark, above }: Stamp): void {
    this.#head = mark
    // Else it was asked for when the batch was on its way already.
    if (above === this.#above) this.#above = undefined
  }

  /** A batch failed: what is in the database has to be read again. */
  distrust(): void {
    this.#head = undefined
    this.#above = undefined
  }

  /** The next batch begins another chain, with a number above this one and all so far. Nothing is said any more of what was before. */
  beginAbove(number: number): void {
    this.#above = number
  }

  /** What a chain begins with at this number. */
  #fresh(base: number): readonly Write[] {
    const { prefix, seal } = this.#init
    const gone = Array.from({ length: CHAIN_LENGTH }, (_, slot): Write => {
      return { type: 'del', key: prefix + slotOf(slot) }
    })
    return [...gone, seal(`${prefix}${BASE}`, u64(base))]
  }
}

const BASE = 'base'

function slotOf(number: number): string {
  return String(number % CHAIN_LENGTH).padStart(3, '0')
}

/** Reads the records of a chain. */
export function judgeChain(prefix: string, stored: readonly StoredRecord[]): StoredChain {
  const links = new Map<number, Link>()
  let base = 1
  for (const { key, value } of stored) {
    if (key === prefix + BASE) base = readBase(value)
    else {
      const link = readLink(value)
      if (link !== undefined && key === prefix + slotOf(link.number)) links.set(link.number, link)
    }
  }
  const newest = Math.max(0, ...links.keys())
  const head = links.get(newest) ?? NO_COMMIT
  const first = Math.max(base, newest - CHAIN_LENGTH + 1)
  let isWhole = newest === 0 ? base === 1 : newest >= base
  for (let number = first; number <= newest && isWhole; number++) {
    const link = links.get(number)
    const before = links.get(number - 1)
    isWhole = link !== undefined && (!before || equalBytes(link.before, before.hash))
  }
  return {
    head: { number: head.number, hash: head.hash },
    isWhole,
    hashAt: (number) => (number < first ? undefined : links.get(number)?.hash),
  }
}

/** What the mark of an earlier moment says of a store. Undefined: nothing against it. */
export function judgeMark(
  chain: StoredChain | undefined,
  { number, hash }: CommitMark,
): 'older' | 'other' | undefined {
  if (number > (chain?.head.number ?? 0)) return 'older'
  const held = chain?.hashAt(number)
  return held !== undefined && !equalBytes(held, hash) ? 'other' : undefined
}

function readBase(value: Uint8Array): number {
  try {
    const from = reader(value)
    const base = from.u64()
    from.end()
    return base
  } catch (cause) {
    if (cause instanceof DecodeError) return 1
    throw cause
  }
}

function readLink(value: Uint8Array): Link | undefined {
  try {
    const from = reader(value)
    const number = from.u64()
    const before = from.take(COMMIT_HASH_BYTES)
    const link = { number, before, hash: from.take(COMMIT_HASH_BYTES) }
    from.end()
    return link
  } catch (cause) {
    if (cause instanceof DecodeError) return undefined
    throw cause
  }
}
