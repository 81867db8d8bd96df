/**
 * The identity in a folder: reading it, writing it, sealing it in another way. What else is in the folder is home.ts.
 */
import { open, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { utf8 } from '../../protocol/bytes.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { syncFolder, writeDurably } from './durable-file.ts'
import { HomeError, homeError, systemCode } from './home-error.ts'
import { copyFileKey } from './identity-codec.ts'
import {
  MAX_IDENTITY_FILE_BYTES,
  keyId,
  openIdentity,
  protectionOf,
  sealIdentity,
} from './identity-file.ts'
import { ensureKeyFile, mustBeOutside, readKeyFile } from './key-file.ts'
import { platformKeyStore } from './key-store.ts'
import { platformRandom } from './random.ts'
import type { Identity } from './identity-codec.ts'
import type { Passphrase, PassphraseWork, Protection, Unlock } from './identity-file.ts'
import type { KeyStore } from './key-store.ts'

/** How a new folder is protected: by one of these, or by the modes of its files alone. */
export interface CreateHomeOptions {
  /** Without one, whoever can read the folder has the account. */
  readonly passphrase?: Passphrase | undefined
  /** @default 64 MiB and three passes */
  readonly work?: PassphraseWork
  /** Instead of a passphrase: a file with a key, outside of the folder. It is made where there is none. */
  readonly keyFile?: string | undefined
  /** Instead of both: a key of its own in the platform's key store. */
  readonly keyStore?: KeyStore | undefined
}

/** Where the key of a folder comes from. */
export interface UnlockOptions {
  /** Asked once, and only when the identity is sealed. What it throws comes out of `openHome` as it is. */
  readonly unlock?: (() => Promise<Passphrase>) | undefined
  /** File with the key, for a folder that was made with one. */
  readonly keyFile?: string | undefined
  /** For a folder whose key is there. @default the platform's */
  readonly keyStore?: KeyStore | undefined
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

/** A new account; its secrets come from the platform directly. */
export function newIdentity(): Identity {
  return {
    accountSeed: generateSecret('AccountSeed', 32, platformRandom),
    dataKey: generateSecret('DataKey', 32, platformRandom),
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
): Promise<Protection> {
  const file = await sealFor(dir, identity, options)
  await writeDurably(join(dir, 'FORMAT'), utf8(FORMAT))
  await writeDurably(identityPath(dir), file)
  // The folder itself is new. Its parent may belong to somebody who lets nobody open it.
  await syncFolder(dirname(resolve(dir))).catch(() => undefined)
  return protectionOf(file)
}

/**
 * Seals the identity of a folder in another way, by what `next` says; the data key stays as it is, and a program that has the folder open goes on.
 * Throws as `openHome` and `createHome`; the folder is as it was then.
 */
export async function protectHome(
  dir: string,
  open: UnlockOptions,
  next: CreateHomeOptions,
): Promise<Protection> {
  const { identity, protection, id } = await readHomeIdentity(dir, open)
  try {
    const made = await writeIdentity(dir, identity, next)
    // The old file may still lie on the disk: the key that opens it goes.
    if (protection === 'key-store') await storeOf(open).remove(id)
    return made
  } catch (cause) {
    throw plainCause(cause)
  } finally {
    identity.accountSeed.wipe()
    identity.dataKey.wipe()
  }
}

/** The identity file, sealed as the options say; a key in the key store is there before anything needs it. */
async function sealFor(
  dir: string,
  identity: Identity,
  options: CreateHomeOptions,
): Promise<Uint8Array> {
  const { passphrase, work, keyFile, keyStore } = options
  if (keyFile !== undefined) {
    await mustBeOutside(keyFile, dir)
    const key = await ensureKeyFile(keyFile)
    return sealIdentity(identity, { key: { kind: 'key-file', key }, random: platformRandom })
  }
  if (keyStore === undefined) {
    return sealIdentity(identity, { passphrase, work, random: platformRandom })
  }
  const key = generateSecret('FileKey', 32, platformRandom)
  const kept = copyFileKey(key)
  try {
    const wrapped = { kind: 'key-store', key } as const
    const file = await sealIdentity(identity, { key: wrapped, random: platformRandom })
    await keyStore.put(keyId(file), kept)
    return file
  } finally {
    kept.wipe()
  }
}

/** The identity of a folder, still closed. */
export interface ClosedIdentity {
  readonly protection: Protection
  /** Of the key, where the key store has it. */
  readonly id: string
  /** The caller wipes it. Throws what `plainCause` is for. */
  open(options: UnlockOptions): Promise<Identity>
}

/** What protects the identity of a folder. Throws like `openHome`. */
export async function protectionAt(dir: string): Promise<Protection> {
  try {
    if (!(await homeExists(dir))) throw new HomeError('ERR_NOT_FOUND')
    return (await readClosed(dir)).protection
  } catch (cause) {
    throw homeError(cause)
  }
}

/** Reads the identity of a folder that has one. Throws `HomeError`. */
export async function readClosed(dir: string): Promise<ClosedIdentity> {
  await checkFormat(dir)
  const file = await readBounded(identityPath(dir), MAX_IDENTITY_FILE_BYTES)
  return {
    protection: protectionOf(file),
    id: keyId(file),
    open: (options) => openIdentity(file, asking(options)),
  }
}

/** The identity of a folder that another process has open; the caller wipes it. Throws like `openHome`. */
export async function readHomeIdentity(
  dir: string,
  options: UnlockOptions,
): Promise<ClosedIdentity & { readonly identity: Identity }> {
  await ready
  try {
    if (!(await homeExists(dir))) throw new HomeError('ERR_NOT_FOUND')
    const closed = await readClosed(dir)
    return { ...closed, identity: await closed.open(options) }
  } catch (cause) {
    throw plainCause(cause)
  }
}

/** What went wrong with the folder, or what a caller's `unlock` threw. */
export function plainCause(cause: unknown): unknown {
  return cause instanceof Unanswered ? cause.cause : homeError(cause)
}

/** Carries what a caller's `unlock` threw past the errors of the folder. */
class Unanswered extends Error {}

function asking({ unlock, keyFile, keyStore }: UnlockOptions): Unlock {
  const passphrase = async (): Promise<Passphrase> => {
    try {
      if (unlock === undefined) throw new HomeError('ERR_PASSPHRASE_NEEDED')
      return await unlock()
    } catch (cause) {
      throw new Unanswered('not unlocked', { cause })
    }
  }
  return {
    passphrase,
    keyFile: keyFile === undefined ? undefined : () => readKeyFile(keyFile),
    keyStore: (id) => storeOf({ keyStore }).get(id),
  }
}

function storeOf({ keyStore = platformKeyStore() }: UnlockOptions): KeyStore {
  if (keyStore === undefined) throw new HomeError('ERR_NO_KEY_STORE')
  return keyStore
}

async function checkFormat(dir: string): Promise<void> {
  const text = new TextDecoder().decode(await readBounded(join(dir, 'FORMAT'), MAX_FORMAT_BYTES))
  const version = FORMAT_PATTERN.exec(text)?.[1]
  if (version === undefined) throw new HomeError('ERR_CORRUPT')
  if (Number(version) > 1) throw new HomeError('ERR_NEWER_FORMAT')
  if (Number(version) < 1) throw new HomeError('ERR_CORRUPT')
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

function isMissing(cause: unknown): boolean {
  const code = systemCode(cause)
  return code === 'ENOENT' || code === 'ENOTDIR'
}

/** Where it is. */
export function identityPath(dir: string): string {
  return join(dir, 'identity.sealed')
}
