// Where the records of a backup come from: the folder itself, which nobody else may have open.

import { openHome } from '../../net/platform/home.ts'
import { sealedRecords } from './snapshot.ts'
import type { OpenHomeOptions } from '../../net/platform/home.ts'
import type { Account } from '../../protocol/account.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { StoredRecord } from '../../net/records.ts'

export interface BackupSource {
  readonly account: Account
  readonly dataKey: Secret<'DataKey'>
  /** Whether a passphrase protects the folder. */
  readonly sealed: boolean
  /** All of one moment, sealed, in the order of their names. */
  records(): AsyncIterable<StoredRecord>
  /** Wipes the secrets. */
  close(): Promise<void>
}

/** Rejects with `HomeError`, or with what `unlock` threw. */
export async function openSource(
  dir: string,
  unlock: OpenHomeOptions['unlock'],
): Promise<BackupSource> {
  const home = await openHome(dir, { unlock })
  const { account, dataKey, sealed, store } = home
  return {
    account,
    dataKey,
    sealed,
    records: () => sealedRecords(store),
    close: () => home.close(),
  }
}
