import { MemoryLevel } from 'memory-level'
import { accountFromSeed } from '../../protocol/account.ts'
import { ready } from '../../protocol/crypto.ts'
import { memoryEpochFile } from './epoch-file.ts'
import { newIdentity } from './home-identity.ts'
import { storesOf } from './level-store.ts'
import type { Home } from './home.ts'
import type { Identity } from './identity-codec.ts'

/** A home that ends with the process. A new account, unless an identity is given; it is wiped on `close`. */
export async function memoryHome(identity?: Identity): Promise<Home> {
  await ready
  const { accountSeed, dataKey } = identity ?? newIdentity()
  const level = new MemoryLevel<string, Uint8Array>({
    keyEncoding: 'utf8',
    valueEncoding: 'view',
    storeEncoding: 'view',
  })
  await level.open()
  const stores = storesOf(level)
  return {
    dir: undefined,
    account: accountFromSeed(accountSeed),
    dataKey,
    protection: 'none',
    store: stores.records,
    datastore: stores.datastore,
    isCut: false,
    settled: () => Promise.resolve(),
    epochs: memoryEpochFile(),
    // Memory has no log to mend.
    reopen: () => Promise.resolve(),
    close: async () => {
      await stores.close()
      accountSeed.wipe()
      dataKey.wipe()
    },
  }
}
