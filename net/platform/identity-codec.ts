/** The bytes of an identity, outside of `Secret`: for the identity file and for libp2p's own signing key. */
import { generateKeyPairFromSeed } from '@libp2p/crypto/keys'
import { concat, fromHex, toHex } from '../../protocol/bytes.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { importSecret } from '../../protocol/crypto.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { Secret } from '../../protocol/secret.ts'
import { HomeError } from './home-error.ts'
import type { Ed25519PrivateKey, PrivateKey } from '@libp2p/interface'
import type { Account } from '../../protocol/account.ts'

/** What the identity file keeps. */
export interface Identity {
  /** 32 bytes: the Ed25519 seed of the account. */
  readonly accountSeed: Secret<'AccountSeed'>
  /** 32 bytes: seals the values of the store. */
  readonly dataKey: Secret<'DataKey'>
}

const VERSION = 1
const SECRET_BYTES = 32

/** version u8 ‖ account seed[32] ‖ data key[32]. */
export const IDENTITY_BYTES = 1 + 2 * SECRET_BYTES

/** Secret bytes: seal them at once, or write them to a file that only its owner reads, and overwrite them. */
export function encodeIdentity({ accountSeed, dataKey }: Identity): Uint8Array {
  return concat(Uint8Array.of(VERSION), Secret.reveal(accountSeed), Secret.reveal(dataKey))
}

/** Takes over `bytes` and overwrites them. Throws `DecodeError` on any other length or version. */
export function decodeIdentity(bytes: Uint8Array): Identity {
  if (bytes.length !== IDENTITY_BYTES) throw new DecodeError('ERR_MALFORMED')
  if (bytes[0] !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const accountSeed = importSecret('AccountSeed', bytes.slice(1, 1 + SECRET_BYTES))
  const dataKey = importSecret('DataKey', bytes.slice(1 + SECRET_BYTES))
  bytes.fill(0)
  return { accountSeed, dataKey }
}

/** 32 secret bytes, for a backup that is sealed at once: the caller overwrites them. */
export function encodeAccountSeed(seed: Secret<'AccountSeed'>): Uint8Array {
  return Secret.reveal(seed).slice()
}

/** 64 hex digits, for a key file or the platform's key store. */
export function fileKeyHex(key: Secret<'FileKey'>): string {
  return toHex(Secret.reveal(key))
}

/** A copy with a life of its own. */
export function copyFileKey(key: Secret<'FileKey'>): Secret<'FileKey'> {
  return importSecret('FileKey', Secret.reveal(key).slice())
}

/** The inverse of `fileKeyHex`; white space around it does not count. Throws `HomeError` ERR_BAD_KEY. */
export function fileKeyFromHex(text: string): Secret<'FileKey'> {
  const digits = text.trim()
  if (!/^[0-9a-f]{64}$/.test(digits)) throw new HomeError('ERR_BAD_KEY')
  return importSecret('FileKey', fromHex(digits))
}

/** The account's key in libp2p's form. libp2p keeps it for as long as the node lives. */
export function libp2pKey(account: Account): Promise<Ed25519PrivateKey> {
  return generateKeyPairFromSeed('Ed25519', Secret.reveal(account.seed).slice())
}

/** The account of a libp2p node; libp2p holds an Ed25519 key as seed and public key, 32 bytes each. Throws `TypeError` for other keys. */
export function accountOfKey(key: PrivateKey): Account {
  if (key.type !== 'Ed25519') throw new TypeError('sotto needs a libp2p node with an Ed25519 key')
  return accountFromSeed(importSecret('AccountSeed', key.raw.slice(0, SECRET_BYTES)))
}
