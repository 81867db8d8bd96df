// A program of its own: opens stores of mailboxes that were damaged, one after another, and says what became of each. LevelDB ends the
// process where it meets what it thinks impossible.
import { HomeError } from '../../net/platform/home-error.ts'
import { StoreError } from '../../net/store-error.ts'
import { textOf } from '../mailbox/world.ts'
import { openMailboxStore } from './opened-mailbox.ts'
import type { LevelMailboxStore } from '../../mailbox/level/level-store.ts'

export type Outcome = 'refused' | 'whole' | 'told' | 'silent'

export interface DamagedStore {
  readonly dir: string
  /** Texts of all mail that there was, by member in the order of their accounts. */
  readonly mail: string
}

process.on('disconnect', () => process.exit())
process.on('message', (order: DamagedStore) => {
  void outcomeOf(order).then((outcome) => process.send?.(outcome))
})

async function outcomeOf({ dir, mail: all }: DamagedStore): Promise<Outcome> {
  try {
    const { store, told, close } = await openMailboxStore(dir)
    try {
      const found = await mail(store)
      if ((await told()) > 0) return 'told'
      return found.join() === all ? 'whole' : 'silent'
    } finally {
      await close()
    }
  } catch (cause) {
    if (cause instanceof HomeError || cause instanceof StoreError) return 'refused'
    throw cause
  }
}

/** Everything that every owner would get. */
async function mail(store: LevelMailboxStore): Promise<readonly string[]> {
  const all: string[] = []
  for (const { account } of await store.members(1000)) {
    const { items } = await store.read(account, 0, { items: 1000, bytes: 1e9 })
    all.push(...items.map((item) => textOf(item.envelope)))
  }
  return all
}
