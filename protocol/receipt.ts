// The receipt of a mailbox: a promise to keep an envelope, and what shows that the mailbox has signed it. Promises that are made at
// one moment are the leaves of one binary tree, whose root is signed once; each receipt carries the way from its leaf to the root, so
// that it proves itself alone, to anybody (docs/mailbox.md, "Deposits and custody").

import type { Account, AccountKey } from './account.ts'
import { ACCOUNT_KEY_BYTES } from './account.ts'
import type { Brand } from './bytes.ts'
import { concat, equalBytes, u64 } from './bytes.ts'
import { hash } from './crypto.ts'
import { DecodeError, RecordError } from './errors.ts'
import { CustodyPayloadSchema } from './generated/mailbox_pb.ts'
import { domains } from './labels.ts'
import { decodeExact, encodeMessage } from './protobuf.ts'
import { reader } from './reader.ts'
import { openEnvelope, sealEnvelope } from './signed-envelope.ts'

/** A mailbox took an envelope and promises to keep it. */
export interface Custody {
  /** 32 bytes. */
  readonly envelopeDigest: Uint8Array
  readonly owner: AccountKey
  /** Unix ms by the mailbox's clock. */
  readonly keptUntil: number
}

/** What the reader of a receipt knows already. */
export interface ExpectedCustody {
  readonly mailbox: AccountKey
  readonly owner: AccountKey
  readonly envelopeDigest: Uint8Array
}

/** A root that a mailbox has signed. The signature holds: only `openReceipt` makes one. */
export type CustodyRoot = Brand<
  {
    readonly mailbox: AccountKey
    readonly root: Uint8Array
    /** The signed envelope, byte for byte. */
    readonly signed: Uint8Array
  },
  'CustodyRoot'
>

/** A receipt that holds. */
export interface OpenedReceipt {
  readonly custody: Custody
  /** Of the receipts that come with this one, many have the same. */
  readonly root: CustodyRoot
}

/** Steps from a leaf to the root. */
export const MAX_RECEIPT_DEPTH = 8

/** Promises under one signature. */
export const MAX_PROMISES = 2 ** MAX_RECEIPT_DEPTH

/** Limit of a receipt. */
export const MAX_RECEIPT_BYTES = 512

const VERSION = 1
const BEGINNING = Uint8Array.of(VERSION)
const HASH_BYTES = 32
const LEAF_BYTES = HASH_BYTES + ACCOUNT_KEY_BYTES + 8
/** Stands where a tree has no leaf any more. Nothing has this hash. */
const NOTHING = new Uint8Array(HASH_BYTES)

/** The receipts of these promises, 1 to 256 of them, in their order. The same ones in the same order give the same bytes. */
export function signCustody(mailbox: Account, promises: readonly Custody[]): Uint8Array[] {
  if (promises.length === 0 || promises.length > MAX_PROMISES) throw new RangeError('promises')
  const leaves = promises.map(encodeLeaf)
  const levels = treeOf(leaves.map(hashLeaf))
  const depth = levels.length - 1
  const payload = encodeMessage(CustodyPayloadSchema, { root: levels[depth]?.[0] ?? NOTHING })
  const signed = sealEnvelope({ account: mailbox, domain: domains.custody, payload })
  return leaves.map((leaf, position) => {
    const path = levels.slice(0, depth).map((level, i) => at(level, (position >> i) ^ 1))
    return concat(BEGINNING, leaf, Uint8Array.of(depth, position), ...path, signed)
  })
}

/**
 * Reads a receipt. Throws `DecodeError`, or `RecordError` ERR_BAD_SIGNATURE, and ERR_WRONG_ACCOUNT when it is by another mailbox, for
 * another owner or for another envelope.
 */
export function verifyCustody(receipt: Uint8Array, expected: ExpectedCustody): Custody {
  return openReceipt(receipt, expected).custody
}

/** Like `verifyCustody`. When the receipt has the root that is `known`, its signature need not be verified again. */
export function openReceipt(
  receipt: Uint8Array,
  expected: ExpectedCustody,
  known?: CustodyRoot,
): OpenedReceipt {
  if (receipt.length > MAX_RECEIPT_BYTES) throw new DecodeError('ERR_TOO_LARGE')
  const { leaf, position, path, signed } = parse(receipt)
  const root = knownRoot(signed, expected.mailbox, known) ?? openRoot(signed, expected.mailbox)
  if (!equalBytes(rootOf(leaf, position, path), root.root)) {
    throw new RecordError('ERR_BAD_SIGNATURE')
  }
  const from = reader(leaf)
  const { owner, envelopeDigest } = expected
  const same =
    equalBytes(from.take(HASH_BYTES), envelopeDigest) &&
    equalBytes(from.take(ACCOUNT_KEY_BYTES), owner)
  if (!same) throw new RecordError('ERR_WRONG_ACCOUNT')
  return { custody: { envelopeDigest, owner, keptUntil: from.u64() }, root }
}

/** `u8 1 ‖ leaf[72] ‖ u8 depth ‖ u8 position ‖ hash[32] of each step ‖ signed root` */
function parse(receipt: Uint8Array) {
  const from = reader(receipt)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const leaf = from.take(LEAF_BYTES)
  const [depth, position] = [from.u8(), from.u8()]
  if (depth > MAX_RECEIPT_DEPTH || position >= 2 ** depth) throw new DecodeError('ERR_MALFORMED')
  const path = Array.from({ length: depth }, () => from.take(HASH_BYTES))
  return { leaf, position, path, signed: from.rest() }
}

function knownRoot(
  signed: Uint8Array,
  mailbox: AccountKey,
  known: CustodyRoot | undefined,
): CustodyRoot | undefined {
  if (known === undefined || !equalBytes(known.mailbox, mailbox)) return undefined
  return equalBytes(known.signed, signed) ? known : undefined
}

function openRoot(signed: Uint8Array, mailbox: AccountKey): CustodyRoot {
  const expected = { domain: domains.custody, maxBytes: MAX_RECEIPT_BYTES, account: mailbox }
  const { payload } = openEnvelope(signed, expected)
  const { root } = decodeExact(CustodyPayloadSchema, payload, MAX_RECEIPT_BYTES)
  if (root.length !== HASH_BYTES) throw new DecodeError('ERR_MALFORMED')
  // Copies: the receipt that brought it is let go.
  return { mailbox, root: root.slice(), signed: signed.slice() } as CustodyRoot
}

/** `envelope digest[32] ‖ owner[32] ‖ u64 kept until` */
function encodeLeaf({ envelopeDigest, owner, keptUntil }: Custody): Uint8Array {
  return concat(envelopeDigest, owner, u64(keptUntil))
}

/** `G(32, none, "custody leaf"; leaf)` */
function hashLeaf(leaf: Uint8Array): Uint8Array {
  return hash(HASH_BYTES, 'custody leaf', leaf)
}

/** `G(32, none, "custody node"; left ‖ right)` */
function hashNode(left: Uint8Array, right: Uint8Array): Uint8Array {
  return hash(HASH_BYTES, 'custody node', left, right)
}

/** All levels, from the leaves to the root. */
function treeOf(leaves: readonly Uint8Array[]): readonly (readonly Uint8Array[])[] {
  const levels = [leaves]
  for (let level = leaves; level.length > 1; levels.push(level)) {
    const below = level
    const pairs = Math.ceil(below.length / 2)
    level = Array.from({ length: pairs }, (_, i) =>
      hashNode(at(below, 2 * i), at(below, 2 * i + 1)),
    )
  }
  return levels
}

function rootOf(leaf: Uint8Array, position: number, path: readonly Uint8Array[]): Uint8Array {
  return path.reduce(
    (below, beside, i) =>
      ((position >> i) & 1) === 0 ? hashNode(below, beside) : hashNode(beside, below),
    hashLeaf(leaf),
  )
}

function at(level: readonly Uint8Array[], place: number): Uint8Array {
  return level[place] ?? NOTHING
}
