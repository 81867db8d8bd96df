/**
 * Makes a folder out of a backup. Until all is in it and on the disk there is no identity in it, so that nothing can start from a
 * half; and whatever ends this early takes away what it has made.
 */
import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { writeDurably } from './durable-file.ts'
import { HomeError, homeError, systemCode } from './home-error.ts'
import { homeExists, writeIdentity } from './home-identity.ts'
import { openLevel } from './level-store.ts'
import { platformRandom } from './random.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Store } from '../ports.ts'
import type { CreateHomeOptions } from './home-identity.ts'

/** Whose folder it is to be. */
export interface RestoredAccount extends CreateHomeOptions {
  /** Wiped when the folder is made. */
  readonly accountSeed: Secret<'AccountSeed'>
}

/** Puts the records in, sealed by the data key, which is new, and on the disk when it resolves. */
export type FillHome = (store: Store, dataKey: Secret<'DataKey'>) => Promise<RestoredAccount>

/** Lies in the folder while it is being made. */
const MARKER = 'RESTORING'

/** What a restore makes, for taking away what another has left when it was killed. */
const MADE: readonly string[] = [MARKER, 'store', 'FORMAT', 'FORMAT.new', 'identity.sealed.new']

/**
 * Fills a new or empty folder. Throws `HomeError`: ERR_EXISTS when something is in it, ERR_LOCKED when another restore is on its
 * way, ERR_BAD_PASSPHRASE, and as the disk fails; or what `fill` throws.
 */
export async function restoreHome(dir: string, fill: FillHome): Promise<void> {
  await ready
  const isNew = await onDisk(() => prepare(dir))
  try {
    await onDisk(() => writeDurably(join(dir, MARKER), new Uint8Array(0)))
    await make(dir, fill)
  } catch (cause) {
    await clear(dir, isNew).catch(() => undefined) // the first error tells more
    throw cause
  }
  await onDisk(() => rm(join(dir, MARKER)))
}

async function make(dir: string, fill: FillHome): Promise<void> {
  const dataKey = generateSecret('DataKey', 32, platformRandom)
  const path = join(dir, 'store')
  await onDisk(() => mkdir(path, { mode: 0o700 }))
  const stores = await openLevel(path)
  let account: RestoredAccount
  try {
    account = await fill(stores.records, dataKey)
  } finally {
    await stores.close()
  }
  const { accountSeed, ...options } = account
  try {
    await onDisk(() => writeIdentity(dir, { accountSeed, dataKey }, options))
  } finally {
    accountSeed.wipe()
    dataKey.wipe()
  }
}

/** True when the folder was not there. */
async function prepare(dir: string): Promise<boolean> {
  const names = await namesIn(dir)
  if (names === undefined) {
    await mkdir(dir, { recursive: true, mode: 0o700 })
    return true
  }
  if (names.length === 0) return false
  const isLeft = names.includes(MARKER) && names.every((name) => MADE.includes(name))
  if (!isLeft || (await homeExists(dir))) throw new HomeError('ERR_EXISTS')
  const stores = await openLevel(join(dir, 'store')) // ERR_LOCKED: it is not left, it is being made
  await stores.close()
  await clear(dir, false)
  return false
}

async function namesIn(dir: string): Promise<readonly string[] | undefined> {
  try {
    return await readdir(dir)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    if (systemCode(cause) === 'ENOTDIR') throw new HomeError('ERR_EXISTS', { cause })
    throw cause
  }
}

/** The marker goes last: as long as anything is left it says of what. */
async function clear(dir: string, isNew: boolean): Promise<void> {
  for (const name of MADE.toReversed()) {
    await rm(join(dir, name), { recursive: true, force: true })
  }
  if (isNew) await rm(dir, { recursive: true, force: true })
}

async function onDisk<T>(task: () => Promise<T>): Promise<T> {
  try {
    return await task()
  } catch (cause) {
    throw homeError(cause)
  }
}
