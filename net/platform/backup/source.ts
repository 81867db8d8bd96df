// Where the records of a backup come from: the folder, or the program that has it open.

import { accountFromSeed } from '../../../protocol/account.ts'
import { HomeError } from '../home-error.ts'
import { openHome, readHomeIdentity } from '../home.ts'
import { connectSnapshot } from './snapshot-socket.ts'
import { sealedRecords } from '../../backup/snapshot.ts'
import type { Selection } from '../../backup/snapshot.ts'
import type { OpenHomeOptions } from '../home.ts'
import type { Account } from '../../../protocol/account.ts'
import type { Secret } from '../../../protocol/secret.ts'
import type { StoredRecord } from '../../records.ts'

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

/**
 * Opens the folder or, when a program has it open, asks that for a snapshot. Rejects with `HomeError`, `BackupError`, or what `unlock`
 * threw.
 */
export async function openSource(
  dir: string,
  selection: Selection,
  unlock: OpenHomeOptions['unlock'],
): Promise<BackupSource> {
  try {
    const home = await openHome(dir, { unlock })
    const { account, dataKey, sealed, store } = home
    return {
      ...{ account, dataKey, sealed, records: () => sealedRecords(store, selection) },
      close: () => home.close(),
    }
  } catch (cause) {
    if (!(cause instanceof HomeError) || cause.code !== 'ERR_LOCKED') throw cause
    return await servedSource(dir, { unlock, cause })
  }
}

async function servedSource(
  dir: string,
  { unlock, cause }: { readonly unlock: OpenHomeOptions['unlock']; readonly cause: HomeError },
): Promise<BackupSource> {
  const { identity, sealed } = await readHomeIdentity(dir, unlock)
  const { accountSeed, dataKey } = identity
  const close = async (): Promise<void> => {
    accountSeed.wipe()
    dataKey.wipe()
  }
  try {
    // After the passphrase was asked for: a snapshot that waits holds space.
    const records = await connectSnapshot(dir)
    if (records === undefined) throw cause // whoever has it open serves none
    return { account: accountFromSeed(accountSeed), dataKey, sealed, records: () => records, close }
  } catch (error) {
    await close()
    throw error
  }
}
