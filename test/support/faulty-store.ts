// A store in memory that can refuse to write, as a full or broken disk does.
import { MemoryLevel } from 'memory-level'
import type { Store } from '../../net/ports.ts'

/** `full` and `broken` write nothing; `unsure` writes and fails all the same, as an fsync that reports an error. */
export type StoreFault = 'none' | 'full' | 'broken' | 'unsure'

export interface FaultyStore {
  readonly store: Store
  fault: StoreFault
  /** Batches to let through before the fault. */
  after: number
  /** A batch takes a turn of the event loop, as with a disk: what does not wait for it goes ahead. */
  slow: boolean
}

const TEXTS = {
  full: 'No space left on device',
  broken: 'Input/output error',
  unsure: 'Input/output error',
}

/** An open store, without a fault. @param store a database of its own, in memory unless it is given */
export async function faultyStore(
  store: Store = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' }),
): Promise<FaultyStore> {
  await store.open()
  const faulty: FaultyStore = { store, fault: 'none', after: 0, slow: false }
  const write = store.batch.bind(store) as (...values: readonly unknown[]) => Promise<void>
  const batch = async (...values: readonly unknown[]): Promise<void> => {
    const { fault, slow } = faulty
    if (slow) await new Promise((resolve) => setImmediate(resolve))
    if (fault === 'none' || faulty.after-- > 0) return write(...values)
    if (fault === 'unsure') await write(...values)
    throw new Error(TEXTS[fault])
  }
  Object.defineProperty(store, 'batch', { value: batch, configurable: true })
  return faulty
}
