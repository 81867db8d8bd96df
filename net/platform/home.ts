/**
 * The folder of one account:
 *
 *   FORMAT            "sotto-data 1\n"
 *   identity.sealed   identity-file.ts
 *   store/            LevelDB: the records of the core, and what libp2p remembers
 *   run/pid           the process that has it open
 *
 * One process at a time, by LevelDB's lock. Folders are 0700, files with secrets 0600.
 */
import { chmod, mkdir, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { accountFromSeed } from '../../protocol/account.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { syncFolder, writeDurably } from './durable-file.ts'
import { HomeError, homeError, systemCode } from './home-error.ts'
import { MAX_IDENTITY_FILE_BYTES, isSealed, openIdentity, sealIdentity } from './identity-file.ts'
import { openLevel } from './level-store.ts'
import { platformRandom } from './random.ts'
import type { Datastore } from 'interface-datastore'
import type { Account } from '../../protocol/account.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Store } from '../ports.ts'
import type { Identity } from './identity-codec.ts'
import type { Passphrase, PassphraseWork } from './identity-file.ts'
import type { OpenStores } from './level-store.ts'

/** An account with its store, open. */
export interface Home {
  /** Undefined for a home in memory. */
  readonly dir: string | undefined
  readonly account: Account
  /** For `Records`. */
  readonly dataKey: Secret<'DataKey'>
  /** Whether a passphrase protects it. */
  readonly sealed: boolean
  /** For `Records`: values are sealed there, not here. */
  readonly store: Store
  /** Whether parts of the store's log could not be read: what stood in them is lost. */
  readonly isCut: boolean
  /** For libp2p's peer store and the DHT. Not synced, not sealed. */
  readonly datastore: Datastore
  /** For `Records`: closes and opens the database after a failed write. */
  readonly reopen: () => Promise<void>
  /** Closes the database and wipes the secrets. After everything that uses them. */
  close(): Promise<void>
}

export interface CreateHomeOptions {
  /** Without one, whoever can read the folder has the account. */
  readonly passphrase?: Passphrase | undefined
  /** @default 64 MiB and three passes */
  readonly work?: PassphraseWork
}

export interface OpenHomeOptions {
  /** Asked once, and only when the identity is sealed. What it throws comes out of `openHome` as it is. */
  readonly unlock?: (() => Promise<Passphrase>) | undefined
  /** Makes a new account where there is none, instead of `ERR_NOT_FOUND`. */
  readonly create?: CreateHomeOptions | undefined
}

const FORMAT = 'sotto-data 1\n'
const FORMAT_PATTERN = /^sotto-data (\d{1,9})\n/
const MAX_FORMAT_BYTES = 256

/** Whether the folder holds an account. */
export async function homeExists(dir: string): Promise<boolean> {
  try {
    await stat(identityPath(dir))
    return true
  } catch (cause) {
    if (isMissing(cause)) return false
    throw homeError(cause)
  }
}

/**
 * Makes an account in a new or empty folder and opens it. Throws `HomeError`: ERR_EXISTS, ERR_CORRUPT when there is a store
 * without its identity, and as the disk fails.
 */
export async function createHome(dir: string, options: CreateHomeOptions = {}): Promise<Home> {
  await ready
  try {
    if (await homeExists(dir)) throw new HomeError('ERR_EXISTS')
    await mkdir(dir, { recursive: true, mode: 0o700 })
    await tighten(dir)
    return await withStores(dir, async (stores) => {
      // Again, now that nobody else can be doing the same.
      if (await homeExists(dir)) throw new HomeError('ERR_EXISTS')
      // What lies in the store could not be read with another key: the identity was lost, and must be brought back.
      if (!(await isEmpty(stores.records))) throw new HomeError('ERR_CORRUPT')
      const identity = newIdentity()
      await writeIdentity(dir, identity, options)
      return home(dir, identity, { stores, sealed: options.passphrase !== undefined })
    })
  } catch (cause) {
    throw homeError(cause)
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
      return await createHome(dir, options.create)
    }
    await checkFormat(dir)
    await tighten(dir)
    const file = await readIdentity(dir)
    const sealed = isSealed(file)
    return await withStores(dir, async (stores) => {
      return home(dir, await openIdentity(file, asking(options.unlock)), { stores, sealed })
    })
  } catch (cause) {
    if (cause instanceof Unanswered) throw cause.cause
    throw homeError(cause)
  }
}

/**
 * Makes a folder the home of this identity: from now on it is one. Throws `HomeError` ERR_BAD_PASSPHRASE for one that is empty or
 * too long, and as the disk fails.
 */
export async function writeIdentity(
  dir: string,
  identity: Identity,
  options: CreateHomeOptions,
): Promise<void> {
  const file = await sealIdentity(identity, { ...options, random: platformRandom })
  await writeDurably(join(dir, 'FORMAT'), utf8(FORMAT))
  await writeDurably(identityPath(dir), file)
  // The folder itself is new. Its parent may belong to somebody who lets nobody open it.
  await syncFolder(dirname(resolve(dir))).catch(() => undefined)
}

/**
 * The identity of a folder that another process has open; the caller wipes it. Throws like `openHome`.
 */
export async function readHomeIdentity(
  dir: string,
  unlock: OpenHomeOptions['unlock'],
): Promise<{ readonly identity: Identity; readonly sealed: boolean }> {
  await ready
  try {
    if (!(await homeExists(dir))) throw new HomeError('ERR_NOT_FOUND')
    await checkFormat(dir)
    const file = await readIdentity(dir)
    return { identity: await openIdentity(file, asking(unlock)), sealed: isSealed(file) }
  } catch (cause) {
    if (cause instanceof Unanswered) throw cause.cause
    throw homeError(cause)
  }
}

/** Carries what a caller's `unlock` threw past the errors of the folder. */
class Unanswered extends Error {}

function asking(unlock: OpenHomeOptions['unlock']): OpenHomeOptions['unlock'] {
  if (unlock === undefined) return undefined
  return async () => {
    try {
      return await unlock()
    } catch (cause) {
      throw new Unanswered('not unlocked', { cause })
    }
  }
}

/** Takes the folder's lock, and gives it back when the task fails. */
async function withStores(dir: string, task: (stores: OpenStores) => Promise<Home>): Promise<Home> {
  const stores = await lockedStores(dir)
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

async function lockedStores(dir: string): Promise<OpenStores> {
  const path = join(dir, 'store')
  await mkdir(path, { recursive: true, mode: 0o700 })
  try {
    return await openLevel(path)
  } catch (cause) {
    if (!(cause instanceof HomeError) || cause.code !== 'ERR_LOCKED') throw cause
    throw new HomeError('ERR_LOCKED', { cause, pid: await holder(dir) })
  }
}

function home(
  dir: string,
  { accountSeed, dataKey }: Identity,
  { stores, sealed }: { readonly stores: OpenStores; readonly sealed: boolean },
): Home {
  return {
    dir,
    account: accountFromSeed(accountSeed),
    dataKey,
    sealed,
    store: stores.records,
    datastore: stores.datastore,
    isCut: stores.isCut,
    reopen: stores.reopen,
    close: async () => {
      await rm(pidPath(dir), { force: true }).catch(() => undefined) // says less than the lock anyway
      await stores.close()
      accountSeed.wipe()
      dataKey.wipe()
    },
  }
}

/** A new account; its secrets come from the platform directly. */
export function newIdentity(): Identity {
  return {
    accountSeed: generateSecret('AccountSeed', 32, platformRandom),
    dataKey: generateSecret('DataKey', 32, platformRandom),
  }
}

async function isEmpty(store: Store): Promise<boolean> {
  const keys = await store.keys({ limit: 1 }).all()
  return keys.length === 0
}

async function checkFormat(dir: string): Promise<void> {
  const text = new TextDecoder().decode(await readBounded(join(dir, 'FORMAT'), MAX_FORMAT_BYTES))
  const version = FORMAT_PATTERN.exec(text)?.[1]
  if (version === undefined) throw new HomeError('ERR_CORRUPT')
  if (Number(version) > 1) throw new HomeError('ERR_NEWER_FORMAT')
  if (Number(version) < 1) throw new HomeError('ERR_CORRUPT')
}

async function readIdentity(dir: string): Promise<Uint8Array> {
  const path = identityPath(dir)
  const { mode } = await stat(path)
  if ((mode & 0o077) !== 0) await chmod(path, 0o600)
  return readBounded(path, MAX_IDENTITY_FILE_BYTES)
}

/** Throws ERR_CORRUPT for a missing file (the caller knows that there should be one) and for one that is too large. */
async function readBounded(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, 'r')
    try {
      const buffer = new Uint8Array(maxBytes + 1)
      const { bytesRead } = await file.read(buffer, 0, buffer.length, 0)
      if (bytesRead > maxBytes) throw new HomeError('ERR_CORRUPT')
      return buffer.slice(0, bytesRead)
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (isMissing(cause)) throw new HomeError('ERR_CORRUPT', { cause })
    throw cause
  }
}

async function tighten(dir: string): Promise<void> {
  const { mode } = await stat(dir)
  if (process.platform !== 'win32' && (mode & 0o077) !== 0) await chmod(dir, 0o700)
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

function isMissing(cause: unknown): boolean {
  const code = systemCode(cause)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

function identityPath(dir: string): string {
  return join(dir, 'identity.sealed')
}

function runPath(dir: string): string {
  return join(dir, 'run')
}

function pidPath(dir: string): string {
  return join(runPath(dir), 'pid')
}
