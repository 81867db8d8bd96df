// The store of a mailbox, opened as a mailbox opens it.
import { keys } from '../../mailbox/level/keys.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { Witness } from '../../net/witness.ts'
import { openHome } from '../../net/platform/home.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { witnessFile } from '../../net/platform/witness-file.ts'
import { Records } from '../../net/records.ts'

export interface Opened {
  readonly store: LevelMailboxStore
  /** What the operator is told of damage. */
  readonly told: () => Promise<number>
  readonly close: () => Promise<void>
}

/** Throws `HomeError` or `StoreError`. */
export async function openMailboxStore(dir: string): Promise<Opened> {
  const home = await openHome(dir, { create: {} })
  try {
    const { store: database, dataKey } = home
    const records = new Records({ store: database, dataKey, clock, random, chain: keys.commits })
    const store = new LevelMailboxStore({ records, clock, limits: DEFAULT_LIMITS })
    const file = witnessFile(dir)
    const { isCut } = home
    const witness = new Witness({ files: [file], records, isCut, clock })
    await witness.start()
    await store.start()
    return {
      store,
      told: async () => (await store.statistics()).damaged + witness.losses,
      close: async () => {
        await witness.stop()
        await records.close()
        await home.close()
      },
    }
  } catch (cause) {
    await home.close()
    throw cause
  }
}
