/** How many DHT records a node keeps, from whom, and which must go. Policy of their content: dht-policy.ts. */
import { compareBytes } from '../protocol/bytes.ts'

export interface ShelfLimits {
  /** @default 8192, which is 32 MiB */
  readonly maxRecords?: number
  /**
   * Of one source: an address prefix, see `sourceOf`. High enough for a test network on one address.
   *
   * @default 2048
   */
  readonly maxPerSource?: number
}

/** What is known about a stored record without reading it. */
interface Entry {
  /** Address prefix of the peer that brought it; empty for our own, which no limit of a source holds back. */
  readonly source: string
  /** Unix ms of arrival. */
  readonly at: number
  /** 32 bytes: how far the key is from this node, as the DHT measures it. */
  readonly distance: Uint8Array
}

/** Which records are stored, so that there are never too many. Holds no values. */
export class RecordShelf {
  readonly #maxRecords: number
  readonly #maxPerSource: number
  readonly #entries = new Map<string, Entry>()
  readonly #perSource = new Map<string, number>()

  constructor({ maxRecords = 8192, maxPerSource = 2048 }: ShelfLimits = {}) {
    this.#maxRecords = maxRecords
    this.#maxPerSource = maxPerSource
  }

  get size(): number {
    return this.#entries.size
  }

  /** Records of one source. */
  countOf(source: string): number {
    return this.#perSource.get(source) ?? 0
  }

  /**
   * Makes room for a record and notes it. Returns the names that must be deleted for it. Throws `ShelfFullError` when its source
   * has too many, or when the shelf is full of records that are nearer to this node.
   */
  admit(name: string, entry: Entry): readonly string[] {
    if (this.#entries.has(name)) {
      this.#remove(name)
      this.#add(name, entry)
      return []
    }
    const { source } = entry
    if (source !== '' && this.countOf(source) >= this.#maxPerSource) throw new ShelfFullError()
    if (this.#entries.size < this.#maxRecords) {
      this.#add(name, entry)
      return []
    }
    const [farthest, distance] = this.#farthest()
    if (compareBytes(entry.distance, distance) >= 0) throw new ShelfFullError()
    this.#remove(farthest)
    this.#add(name, entry)
    return [farthest]
  }

  forget(name: string): void {
    this.#remove(name)
  }

  /** Names of the records that arrived at or before this time. */
  olderThan(at: number): readonly string[] {
    return [...this.#entries].filter(([, entry]) => entry.at <= at).map(([name]) => name)
  }

  #add(name: string, entry: Entry): void {
    this.#entries.set(name, entry)
    this.#perSource.set(entry.source, this.countOf(entry.source) + 1)
  }

  #remove(name: string): void {
    const entry = this.#entries.get(name)
    if (entry === undefined) return
    this.#entries.delete(name)
    const left = this.countOf(entry.source) - 1
    if (left === 0) this.#perSource.delete(entry.source)
    else this.#perSource.set(entry.source, left)
  }

  #farthest(): readonly [string, Uint8Array] {
    let name = ''
    let distance = new Uint8Array(0)
    for (const [candidate, entry] of this.#entries) {
      if (compareBytes(entry.distance, distance) <= 0) continue
      name = candidate
      distance = entry.distance.slice()
    }
    return [name, distance]
  }
}

/** The record is good, but there is no room for it here. */
export class ShelfFullError extends Error {
  static override readonly name = 'ShelfFullError'
  override readonly name = 'ShelfFullError'
  readonly code = 'ERR_LIMIT'

  constructor() {
    super('ERR_LIMIT')
  }
}

/** The address prefix that a multiaddr stands for in limits: /24 of IPv4, /48 of IPv6, else the whole host. */
export function sourceOf(address: string): string {
  const [, kind, host = ''] = address.split('/')
  if (kind === 'ip4') return host.split('.').slice(0, 3).join('.')
  if (kind === 'ip6') return expandedIp6(host).slice(0, 3).join(':')
  return host
}

/** The eight groups of an IPv6 address. */
function expandedIp6(host: string): readonly string[] {
  const [head = '', tail] = host.split('%')[0]?.split('::') ?? []
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = new Array<string>(Math.max(0, 8 - before.length - after.length)).fill('0')
  return [...before, ...zeros, ...after]
}
