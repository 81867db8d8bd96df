/**
 * The folder of one account:
 *
 *   FORMAT            "sotto-data 1\n"
 *   identity.sealed   identity-file.ts
 *   epoch.sealed      epoch-file.ts
 *   store/            LevelDB: the records of the core, and what libp2p remembers
 *   run/pid           the process that has it open
 *
 * One process at a time, by LevelDB's lock. Folders are 0700, files with secrets 0600.
 */
import { chmod, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { accountFromSeed } from '../../protocol/account.ts'
import { ready } from '../../protocol/crypto.ts'
import { epochFile } from './epoch-file.ts'
import { HomeError, systemCode } from './home-error.ts'
import {
  homeExists,
  identityPath,
  newIdentity,
  plainCause,
  readClosed,
  writeIdentity,
} from './home-identity.ts'
import { openLevel } from './level-store.ts'
import type { Datastore } from 'interface-datastore'
import type { Account } from '../../protocol/account.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { EpochFile } from '../epoch-keys.ts'
import type { Store } from '../ports.ts'
import type { CreateHomeOptions, UnlockOptions } from './home-identity.ts'
import type { Identity } from './identity-codec.ts'
import type { Protection } from './identity-file.ts'
import type { OpenStores } from './level-store.ts'

/** An account with its store, open. */
export interface Home {
  /** Undefined for a home in memory. */
  readonly dir: string | undefined
  readonly account: Account
  /** For `Records`. */
  readonly dataKey: Secret<'DataKey'>
  /** What protects it besides the modes of its files. */
  readonly protection: Protection
  /** For `Records`: values are sealed there, not here. */
  readonly store: Store
  /** Whether parts of the store's log or tables could not be read: what stood in them is lost. */
  readonly isCut: boolean
  /** That is dealt with: the next start says nothing of the same parts. */
  readonly settled: () => Promise<void>
  /** For libp2p's peer store and the DHT. Not synced, not sealed. */
  readonly datastore: Datastore
  /** The keys of records that must die. */
  readonly epochs: EpochFile
  /** For `Records`: closes and opens the database after a failed write. */
  readonly reopen: () => Promise<void>
  /** Closes the database and wipes the secrets. After everything that uses them. */
  close(): Promise<void>
}

export interface StoreOptions {
  /**
   * LevelDB sorts what was written whenever so much of it has come together, and has twice that in memory then.
   * @default 4 MiB
   */
  readonly writeBufferBytes?: number | undefined
}

export interface OpenHomeOptions extends UnlockOptions, StoreOptions {
  /** Makes a new account where there is none, instead of `ERR_NOT_FOUND`. */
  readonly create?: CreateHomeOptions | undefined
}

/**
 * Makes an account in a new or empty folder and opens it. Throws `HomeError`: ERR_EXISTS, ERR_CORRUPT when there is a store
 * without its identity, and as the disk fails.
 */
export async function createHome(
  dir: string,
  options: CreateHomeOptions & StoreOptions = {},
): Promise<Home> {
  await ready
  try {
    if (await homeExists(dir)) throw new HomeError('ERR_EXISTS')
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await tighten(dir)
    return await withStores(dir, options, async (stores) => {
      // Again, now that nobody else can be doing the same.
      if (await homeExists(dir)) throw new HomeError('ERR_EXISTS')
      // What lies in the store could not be read with another key: the identity was lost, and must be brought back.
      if (!(await isEmpty(stores.records))) throw new HomeError('ERR_CORRUPT')
      const identity = newIdentity()
      const protection = await writeIdentity(dir, identity, options)
      return home(dir, identity, { stores, protection })
    })
  } catch (cause) {
    throw plainCause(cause)
  }
}

/**
 * Opens the account of a folder. Throws `HomeError`, or what `unlock` threw. A wrong passphrase costs nothing but the time of
 * the check.
 */
export async function openHome(dir: string, options: OpenHomeOptions = {}): Promise<Home> {
  await ready
  try {
    if (!(await homeExists(dir))) {
      if (options.create === undefined) throw new HomeError('ERR_NOT_FOUND')
      const { create, writeBufferBytes } = options
      return await createHome(dir, { ...create, writeBufferBytes })
    }
    await tighten(dir)
    const closed = await readClosed(dir)
    const { protection } = closed
    return await withStores(dir, options, async (stores) => {
      return home(dir, await closed.open(options), { stores, protection })
    })
  } catch (cause) {
    throw plainCause(cause)
  }
}

/** Takes the folder's lock, and gives it back when the task fails. */
async function withStores(
  dir: string,
  { writeBufferBytes }: StoreOptions,
  task: (stores: OpenStores) => Promise<Home>,
): Promise<Home> {
  const stores = await lockedStores(dir, writeBufferBytes)
  try {
    await mkdir(runPath(dir), { recursive: true, mode: 0o700 })
    await writeFile(pidPath(dir), `${process.pid}\n`, { mode: 0o600 })
    return await task(stores)
  } catch (cause) {
    await rm(pidPath(dir), { force: true }).catch(() => undefined) // the first error tells more
    await stores.close()
    throw cause
  }
}

async function lockedStores(dir: string, writeBufferBytes?: number): Promise<OpenStores> {
  const path = join(dir, 'store')
  await mkdir(path, { recursive: true, mode: 0o700 })
  try {
    return await openLevel(path, writeBufferBytes)
  } catch (cause) {
    if (!(cause instanceof HomeError) || cause.code !== 'ERR_LOCKED') throw cause
    throw new HomeError('ERR_LOCKED', { cause, pid: await holder(dir) })
  }
}

function home(
  dir: string,
  { accountSeed, dataKey }: Identity,
  { stores, protection }: { readonly stores: OpenStores; readonly protection: Protection },
): Home {
  return {
    dir,
    account: accountFromSeed(accountSeed),
    dataKey,
    protection,
    store: stores.records,
    datastore: stores.datastore,
    isCut: stores.isCut,
    settled: stores.settled,
    epochs: { ...epochFile(dir), compact: stores.compact },
    reopen: stores.reopen,
    close: async () => {
      await rm(pidPath(dir), { force: true }).catch(() => undefined) // says less than the lock anyway
      await stores.close()
      accountSeed.wipe()
      dataKey.wipe()
    },
  }
}

async function isEmpty(store: Store): Promise<boolean> {
  const keys = await store.keys({ limit: 1 }).all()
  return keys.length === 0
}

/** Takes from others what they may do with the folder, and with the files in it that hold secrets. */
async function tighten(dir: string): Promise<void> {
  if (process.platform === 'win32') return
  for (const path of [dir, join(dir, 'store'), runPath(dir)]) await restrict(path, 0o700)
  await restrict(identityPath(dir), 0o600)
}

async function restrict(path: string, allowed: number): Promise<void> {
  try {
    const { mode } = await stat(path)
    if ((mode & 0o077) !== 0) await chmod(path, allowed)
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause
  }
}

/** The process in run/pid, if it lives. */
async function holder(dir: string): Promise<number | undefined> {
  try {
    const pid = Number.parseInt(await readFile(pidPath(dir), 'utf8'), 10)
    if (!Number.isSafeInteger(pid) || pid <= 0) return undefined
    process.kill(pid, 0)
    return pid
  } catch {
    return undefined // no file, or no such process
  }
}

function runPath(dir: string): string {
  return join(dir, 'run')
}

function pidPath(dir: string): string {
  return join(runPath(dir), 'pid')
}
