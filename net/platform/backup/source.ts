// Where the records of a backup come from: the folder, or the program that has it open.

import { accountFromSeed } from '../../../protocol/account.ts'
import { HomeError } from '../home-error.ts'
import { readHomeIdentity } from '../home-identity.ts'
import { openHome } from '../home.ts'
import { connectSnapshot } from './snapshot-socket.ts'
import { sealedRecords } from '../../backup/snapshot.ts'
import type { Selection } from '../../backup/snapshot.ts'
import type { UnlockOptions } from '../home-identity.ts'
import type { Protection } from '../identity-file.ts'
import type { Account } from '../../../protocol/account.ts'
import type { Secret } from '../../../protocol/secret.ts'
import type { StoredRecord } from '../../records.ts'

export interface BackupSource {
  readonly account: Account
  readonly dataKey: Secret<'DataKey'>
  readonly protection: Protection
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
  unlock: UnlockOptions,
): Promise<BackupSource> {
  try {
    const home = await openHome(dir, unlock)
    const { account, dataKey, protection, store } = home
    return {
      ...{ account, dataKey, protection, records: () => sealedRecords(store, selection) },
      close: () => home.close(),
    }
  } catch (cause) {
    if (!(cause instanceof HomeError) || cause.code !== 'ERR_LOCKED') throw cause
    return await servedSource(dir, { unlock, cause })
  }
}

async function servedSource(
  dir: string,
  { unlock, cause }: { readonly unlock: UnlockOptions; readonly cause: HomeError },
): Promise<BackupSource> {
  const { identity, protection } = await readHomeIdentity(dir, unlock)
  const { accountSeed, dataKey } = identity
  const close = async (): Promise<void> => {
    accountSeed.wipe()
    dataKey.wipe()
  }
  try {
    // After the passphrase was asked for: a snapshot that waits holds space.
    const records = await connectSnapshot(dir)
    if (records === undefined) throw cause // whoever has it open serves none
    return {
      account: accountFromSeed(accountSeed),
      dataKey,
      protection,
      records: () => records,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
