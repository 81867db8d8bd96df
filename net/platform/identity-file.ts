/**
 * The identity file: account seed and data key, sealed by a passphrase or, without one, by a key that lies beside them (which
 * protects against damage only).
 *
 *   u8 version = 1 ‖ u8 1 ‖ u32 memory KiB ‖ u32 passes ‖ u8 lanes ‖ salt[16] ‖ nonce[24] ‖ sealed identity
 *   u8 version = 1 ‖ u8 0 ‖ key[32]                                           ‖ nonce[24] ‖ sealed identity
 *
 * Sealed by XChaCha20-Poly1305; everything before the nonce is authenticated with it.
 */
import { concat, u32, u8, utf8 } from '../../protocol/bytes.ts'
import { importSecret, openBytes, sealBytes } from '../../protocol/crypto.ts'
import { HomeError } from './home-error.ts'
import { IDENTITY_BYTES, decodeIdentity, encodeIdentity } from './identity-codec.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Identity } from './identity-codec.ts'

export type Passphrase = Uint8Array | string

/** What one guess costs (RFC 9106). */
export interface PassphraseWork {
  readonly memoryKiB: number
  readonly passes: number
  readonly lanes: number
}

/** 64 MiB, three passes: RFC 9106 §4, second recommended option but for the lanes, which a browser has one of. */
export const DEFAULT_WORK: PassphraseWork = { memoryKiB: 64 * 1024, passes: 3, lanes: 1 }

/** A file must not be able to ask for more than this machine can give, nor for so little that it protects nothing. */
const MIN_MEMORY_KIB = 8 * 1024
const MAX_MEMORY_KIB = 512 * 1024
const MAX_PASSES = 16
const MAX_LANES = 4

/** Nobody types more. */
const MAX_PASSPHRASE_BYTES = 1024

const VERSION = 1
const BARE = 0
const ARGON2ID = 1
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 24
const TAG_BYTES = 16
const BARE_HEADER_BYTES = 2 + KEY_BYTES
const SEALED_HEADER_BYTES = 2 + 4 + 4 + 1 + SALT_BYTES
const BODY_BYTES = NONCE_BYTES + IDENTITY_BYTES + TAG_BYTES

/** A larger file is not read. */
export const MAX_IDENTITY_FILE_BYTES = 256

export interface SealOptions {
  readonly passphrase?: Passphrase | undefined
  /** @default DEFAULT_WORK */
  readonly work?: PassphraseWork | undefined
  /** The platform's generator. */
  readonly random: RandomBytes
}

/** The bytes of the file. Throws `HomeError` ERR_BAD_PASSPHRASE for one that is empty or too long. */
export async function sealIdentity(
  identity: Identity,
  { passphrase, work = DEFAULT_WORK, random }: SealOptions,
): Promise<Uint8Array> {
  if (passphrase === undefined) {
    const key = random(KEY_BYTES)
    const header = concat(u8(VERSION), u8(BARE), key)
    return seal(identity, importSecret('FileKey', key), header, random)
  }
  const salt = random(SALT_BYTES)
  const header = concat(
    u8(VERSION),
    u8(ARGON2ID),
    u32(work.memoryKiB),
    u32(work.passes),
    u8(work.lanes),
    salt,
  )
  return seal(identity, await passphraseKey(passphrase, salt, work), header, random)
}

/** Whether the file asks for a passphrase. Throws `HomeError` ERR_CORRUPT, ERR_NEWER_FORMAT. */
export function isSealed(file: Uint8Array): boolean {
  if (file[0] === undefined) throw new HomeError('ERR_CORRUPT')
  if (file[0] !== VERSION) throw new HomeError('ERR_NEWER_FORMAT')
  const headerBytes = file[1] === ARGON2ID ? SEALED_HEADER_BYTES : BARE_HEADER_BYTES
  const known = file[1] === ARGON2ID || file[1] === BARE
  if (!known || file.length !== headerBytes + BODY_BYTES) throw new HomeError('ERR_CORRUPT')
  return file[1] === ARGON2ID
}

/**
 * The identity in the file. Throws `HomeError`: ERR_BAD_PASSPHRASE (also when a sealed file is damaged: nobody can tell the two
 * apart), ERR_PASSPHRASE_NEEDED, ERR_CORRUPT, ERR_NEWER_FORMAT.
 */
export async function openIdentity(
  file: Uint8Array,
  unlock: (() => Promise<Passphrase>) | undefined,
): Promise<Identity> {
  if (!isSealed(file)) {
    const key = importSecret('FileKey', file.slice(2, BARE_HEADER_BYTES))
    return open(file, key, BARE_HEADER_BYTES, 'ERR_CORRUPT')
  }
  const { work, salt } = readWork(file)
  if (unlock === undefined) throw new HomeError('ERR_PASSPHRASE_NEEDED')
  const key = await passphraseKey(await unlock(), salt, work)
  return open(file, key, SEALED_HEADER_BYTES, 'ERR_BAD_PASSPHRASE')
}

function seal(
  identity: Identity,
  key: Secret<'FileKey'>,
  header: Uint8Array,
  random: RandomBytes,
): Uint8Array {
  const nonce = random(NONCE_BYTES)
  const plain = encodeIdentity(identity)
  const file = concat(header, nonce, sealBytes(key, nonce, header, plain))
  plain.fill(0)
  key.wipe()
  return file
}

function open(
  file: Uint8Array,
  key: Secret<'FileKey'>,
  headerBytes: number,
  code: 'ERR_CORRUPT' | 'ERR_BAD_PASSPHRASE',
): Identity {
  const header = file.subarray(0, headerBytes)
  const nonce = file.subarray(headerBytes, headerBytes + NONCE_BYTES)
  try {
    return decodeIdentity(openBytes(key, nonce, header, file.subarray(headerBytes + NONCE_BYTES)))
  } catch (cause) {
    throw new HomeError(code, { cause })
  } finally {
    key.wipe()
  }
}

function readWork(file: Uint8Array): { work: PassphraseWork; salt: Uint8Array } {
  const view = new DataView(file.buffer, file.byteOffset, SEALED_HEADER_BYTES)
  const work = {
    memoryKiB: view.getUint32(2),
    passes: view.getUint32(6),
    lanes: view.getUint8(10),
  }
  const possible =
    work.memoryKiB >= MIN_MEMORY_KIB &&
    work.memoryKiB <= MAX_MEMORY_KIB &&
    work.passes >= 1 &&
    work.passes <= MAX_PASSES &&
    work.lanes >= 1 &&
    work.lanes <= MAX_LANES
  if (!possible) throw new HomeError('ERR_CORRUPT')
  return { work, salt: file.slice(11, SEALED_HEADER_BYTES) }
}

async function passphraseKey(
  passphrase: Passphrase,
  salt: Uint8Array,
  { memoryKiB, passes, lanes }: PassphraseWork,
): Promise<Secret<'FileKey'>> {
  // The same characters typed on different systems must be the same bytes.
  const password = typeof passphrase === 'string' ? utf8(passphrase.normalize('NFKC')) : passphrase
  if (password.length === 0 || password.length > MAX_PASSPHRASE_BYTES) {
    throw new HomeError('ERR_BAD_PASSPHRASE')
  }
  // Loaded when it is needed: most starts do without.
  const { argon2id } = await import('hash-wasm')
  const key = await argon2id({
    password,
    salt,
    memorySize: memoryKiB,
    iterations: passes,
    parallelism: lanes,
    hashLength: KEY_BYTES,
    outputType: 'binary',
  })
  if (typeof passphrase === 'string') password.fill(0)
  return importSecret('FileKey', key)
}
