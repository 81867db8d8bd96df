// Owners, mail and pairs for the contract, all from a seed.

import { accountFromSeed } from '../../protocol/account.ts'
import { utf8 } from '../../protocol/bytes.ts'
import { importSecret } from '../../protocol/crypto.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { NewMail, NewPair, QueuedRun, StoreLimits } from '../store.ts'

export const LIMITS: StoreLimits = {
  members: 4,
  budgetBytes: 10_000,
  ownerBytes: 1000,
  ownerMessages: 6,
  strangerBytes: 250,
  strangerMessages: 2,
  ownerTokens: 4,
  ownerReceipts: 50,
  ownerPairs: 12,
  reservedPairs: 3,
}

/** Of the time base, when a test begins. */
export const NOW = 1_800_000_000_000

/** How long mail is kept here. */
export const LIFETIME = 1000

export const EVERYTHING = { items: 10_000, bytes: Number.MAX_SAFE_INTEGER }

/** The same account for the same number. libsodium must be ready. */
export function owner(number: number): AccountKey {
  const seed = padded(`owner ${number}`, 32)
  return accountFromSeed(importSecret('AccountSeed', seed)).key
}

/** Mail with a text of up to 16 bytes, and a deposit id that follows from it. */
export function mail(to: AccountKey, text: string, options: MailOptions = {}): NewMail {
  const { length = 100, takenAt = NOW, expiresAt = NOW + LIFETIME, token } = options
  const tokenHash = token === undefined ? undefined : hashOfToken(token)
  const envelope = padded(text, length)
  const depositId = padded(text, 16)
  const digest = envelopeDigest(envelope)
  const promise = { envelopeDigest: digest, keptUntil: expiresAt }
  return { owner: to, depositId, envelope, tokenHash, ...promise, takenAt, expiresAt }
}

export interface MailOptions {
  readonly length?: number
  readonly takenAt?: number
  readonly expiresAt?: number
  /** See `hashOfToken`. */
  readonly token?: string
}

/** What stands for the hash of a token. */
export function hashOfToken(name: string): Uint8Array {
  return padded(`token ${name}`, 32)
}

export function slots({ items }: QueuedRun): readonly number[] {
  return items.map(({ slot }) => slot)
}

export function texts({ items }: QueuedRun): readonly string[] {
  return items.map(({ envelope }) => new TextDecoder().decode(envelope).replaceAll('\0', ''))
}

export function ids({ items }: QueuedRun): readonly number[] {
  return items.map(({ id }) => id)
}

/** A pair that anybody can tell by its bytes. No store looks into it. */
export function pair(id: number, expiresAt = NOW + 1_000_000): NewPair {
  return { id, expiresAt, signed: padded(`pair ${id}`, 32) }
}

/** The text with zeros behind it. */
function padded(text: string, length: number): Uint8Array {
  const bytes = new Uint8Array(Math.max(length, text.length))
  bytes.set(utf8(text))
  return bytes
}
