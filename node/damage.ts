// Records of the store that do not open any more: counted, told of, and never a reason to stop what is beside them.

import type { Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { Damage, DamageKind } from './api.ts'

/** More names of damaged records are not remembered. */
const MAX_NAMES = 10_000

/** A damaged record that was met. */
export interface DamagedRecord {
  readonly what: DamageKind
  readonly key: string
}

/** What was met since the start. */
export class Damages {
  readonly #names = new Set<string>()
  readonly #counts: Record<DamageKind, number> = {
    ...{ contact: 0, session: 0, key: 0, entry: 0, message: 0, event: 0, other: 0 },
    ...{ device: 0, prekey: 0, bundle: 0, mailbox: 0, clock: 0 },
  }
  readonly #told: (what: DamageKind) => void

  /** `told` hears of each record once. */
  constructor(told: (what: DamageKind) => void = () => undefined) {
    this.#told = told
  }

  get counts(): Damage {
    return { ...this.#counts }
  }

  /** False if it was met before. */
  note({ what, key }: DamagedRecord): boolean {
    if (this.#names.has(key) || this.#names.size >= MAX_NAMES) return false
    this.#names.add(key)
    this.#counts[what]++
    this.#told(what)
    return true
  }
}

/** A committed value, or that it is damaged. Throws `StoreError` when the database fails. */
export async function soundly(
  records: Records,
  key: string,
): Promise<Uint8Array | 'damaged' | undefined> {
  try {
    return await records.get(key)
  } catch (cause) {
    if (isDamagedRecord(cause)) return 'damaged'
    throw cause
  }
}

/** A damaged database, which names no record, is not meant. */
export function isDamagedRecord(cause: unknown): boolean {
  return cause instanceof StoreError && cause.code === 'ERR_CORRUPT' && cause.key !== undefined
}
