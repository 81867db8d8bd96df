/**
 * The identity file: account seed and data key, sealed by a passphrase, by a key that is kept elsewhere or, without any of them, by a key
 * that lies beside them (which protects against damage only).
 *
 *   u8 version = 1 ‖ u8 0 ‖ key[32]                                           ‖ nonce[24] ‖ sealed identity
 *   u8 version = 1 ‖ u8 1 ‖ u32 memory KiB ‖ u32 passes ‖ u8 lanes ‖ salt[16] ‖ nonce[24] ‖ sealed identity
 *   u8 version = 1 ‖ u8 2 ‖ id[16]  the key of a key file                     ‖ nonce[24] ‖ sealed identity
 *   u8 version = 1 ‖ u8 3 ‖ id[16]  the key of this id in the key store       ‖ nonce[24] ‖ sealed identity
 *
 * Sealed by XChaCha20-Poly1305; everything before the nonce is authenticated with it.
 */
import { concat, toHex, u32, u8, utf8 } from '../../protocol/bytes.ts'
import { importSecret, openBytes, sealBytes } from '../../protocol/crypto.ts'
import { HomeError } from './home-error.ts'
import { IDENTITY_BYTES, decodeIdentity, encodeIdentity } from './identity-codec.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Secret } from '../../protocol/secret.ts'
import type { Identity } from './identity-codec.ts'

/** What protects the keys of a folder. */
export type Protection = 'none' | 'passphrase' | 'key-file' | 'key-store'

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
const KEY_FILE = 2
const KEY_STORE = 3
const KEY_BYTES = 32
const SALT_BYTES = 16
const ID_BYTES = 16
const NONCE_BYTES = 24
const TAG_BYTES = 16
const BARE_HEADER_BYTES = 2 + KEY_BYTES
const KEY_HEADER_BYTES = 2 + ID_BYTES
const SEALED_HEADER_BYTES = 2 + 4 + 4 + 1 + SALT_BYTES
const BODY_BYTES = NONCE_BYTES + IDENTITY_BYTES + TAG_BYTES

const PROTECTIONS: ReadonlyMap<number | undefined, readonly [Protection, number]> = new Map([
  [BARE, ['none', BARE_HEADER_BYTES]],
  [ARGON2ID, ['passphrase', SEALED_HEADER_BYTES]],
  [KEY_FILE, ['key-file', KEY_HEADER_BYTES]],
  [KEY_STORE, ['key-store', KEY_HEADER_BYTES]],
])

/** A larger file is not read. */
export const MAX_IDENTITY_FILE_BYTES = 256

export interface SealOptions {
  readonly passphrase?: Passphrase | undefined
  /** @default DEFAULT_WORK */
  readonly work?: PassphraseWork | undefined
  /** A key that is kept elsewhere; it is wiped. */
  readonly key?: { readonly kind: 'key-file' | 'key-store'; readonly key: Secret<'FileKey'> }
  /** The platform's generator. */
  readonly random: RandomBytes
}

/** Where the key of a sealed file comes from. */
export interface Unlock {
  readonly passphrase?: (() => Promise<Passphrase>) | undefined
  /** What it gives is wiped. */
  readonly keyFile?: (() => Promise<Secret<'FileKey'>>) | undefined
  /** `id`: `keyId` of the file. */
  readonly keyStore?: ((id: string) => Promise<Secret<'FileKey'>>) | undefined
}

/** The bytes of the file. Throws `HomeError` ERR_BAD_PASSPHRASE for one that is empty or too long. */
export async function sealIdentity(
  identity: Identity,
  { passphrase, work = DEFAULT_WORK, key: kept, random }: SealOptions,
): Promise<Uint8Array> {
  if (kept !== undefined) {
    const kind = kept.kind === 'key-file' ? KEY_FILE : KEY_STORE
    const header = concat(u8(VERSION), u8(kind), random(ID_BYTES))
    return seal(identity, kept.key, header, random)
  }
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

/** What is needed to open the file. Throws `HomeError` ERR_CORRUPT, ERR_NEWER_FORMAT. */
export function protectionOf(file: Uint8Array): Protection {
  return layoutOf(file)[0]
}

/** Of a file that a key store protects: the name of the key there. */
export function keyId(file: Uint8Array): string {
  return toHex(file.subarray(2, KEY_HEADER_BYTES))
}

/** Protection and length of the header. */
function layoutOf(file: Uint8Array): readonly [Protection, number] {
  if (file[0] === undefined) throw new HomeError('ERR_CORRUPT')
  if (file[0] !== VERSION) throw new HomeError('ERR_NEWER_FORMAT')
  const layout = PROTECTIONS.get(file[1])
  if (layout === undefined || file.length !== layout[1] + BODY_BYTES) {
    throw new HomeError('ERR_CORRUPT')
  }
  return layout
}

/**
 * The identity in the file. Throws `HomeError`: ERR_BAD_PASSPHRASE or ERR_BAD_KEY (also when a sealed file is damaged: nobody can tell the
 * two apart), ERR_PASSPHRASE_NEEDED, ERR_NO_KEY_FILE, ERR_NO_KEY_STORE, ERR_CORRUPT, ERR_NEWER_FORMAT; and what `unlock` throws.
 */
export async function openIdentity(file: Uint8Array, unlock: Unlock = {}): Promise<Identity> {
  const [protection, headerBytes] = layoutOf(file)
  switch (protection) {
    case 'none': {
      const key = importSecret('FileKey', file.slice(2, headerBytes))
      return open(file, key, headerBytes, 'ERR_CORRUPT')
    }
    case 'passphrase': {
      const { work, salt } = readWork(file)
      if (unlock.passphrase === undefined) throw new HomeError('ERR_PASSPHRASE_NEEDED')
      const key = await passphraseKey(await unlock.passphrase(), salt, work)
      return open(file, key, headerBytes, 'ERR_BAD_PASSPHRASE')
    }
    case 'key-file':
      if (unlock.keyFile === undefined) throw new HomeError('ERR_NO_KEY_FILE')
      return open(file, await unlock.keyFile(), headerBytes, 'ERR_BAD_KEY')
    case 'key-store':
      if (unlock.keyStore === undefined) throw new HomeError('ERR_NO_KEY_STORE')
      return open(file, await unlock.keyStore(keyId(file)), headerBytes, 'ERR_BAD_KEY')
  }
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
  code: 'ERR_CORRUPT' | 'ERR_BAD_PASSPHRASE' | 'ERR_BAD_KEY',
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
