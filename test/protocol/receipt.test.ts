import { describe, expect, test } from 'vitest'
import { concat, u64, u8 } from '../../protocol/bytes.ts'
import { hash, ready } from '../../protocol/crypto.ts'
import { envelopeDigest, signHandOut } from '../../protocol/custody.ts'
import { CustodyPayloadSchema } from '../../protocol/generated/mailbox_pb.ts'
import { domains } from '../../protocol/labels.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import {
  MAX_PROMISES,
  MAX_RECEIPT_BYTES,
  openReceipt,
  signCustody,
  verifyCustody,
} from '../../protocol/receipt.ts'
import { sealEnvelope } from '../../protocol/signed-envelope.ts'
import type { Custody } from '../../protocol/receipt.ts'
import { NOW, testAccount } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { expectExact, expectNoBitSpare, refusal } from '../support/refusals.ts'

await ready

const WRONG = 'RecordError ERR_WRONG_ACCOUNT'
const FORGED = 'RecordError ERR_BAD_SIGNATURE'
const MALFORMED = 'DecodeError ERR_MALFORMED'

const random = seededRandom('receipts')
const mailbox = testAccount('mailbox')
const owner = testAccount('owner')
const other = testAccount('other')

const promises = Array.from({ length: MAX_PROMISES }, (_, i) => promise(NOW + i))

test.each([1, 2, 3, 5, 32, 33, MAX_PROMISES])('each of %i proves itself alone', (count) => {
  const some = promises.slice(0, count)
  const receipts = signCustody(mailbox, some)
  for (const [i, one] of some.entries()) {
    const receipt = receipts[i] ?? expect.fail('a receipt is missing')
    expect(receipt.length).toBeLessThanOrEqual(MAX_RECEIPT_BYTES)
    expect(verifyCustody(receipt, expected(one))).toEqual(one)
  }
  expect(signCustody(mailbox, some)).toEqual(receipts)
})

test('more than one signature is for, or nothing, is not signed', () => {
  const refused = new RangeError('promises')
  expect(() => signCustody(mailbox, [])).toThrow(refused)
  expect(() => signCustody(mailbox, [...promises, promise(1)])).toThrow(refused)
})

test('nothing but the exact bytes count', () => {
  for (const [count, place] of [
    [1, 0],
    [5, 4],
  ] as const) {
    const [receipt, read] = receiptOf(count, place)
    expectExact(receipt, read)
    expectNoBitSpare(receipt, read)
  }
})

test('a receipt of another mailbox, for another owner or envelope is refused', () => {
  const [receipt, , one] = receiptOf(5, 2)
  for (const change of [
    { mailbox: other.key },
    { owner: other.key },
    { envelopeDigest: envelopeDigest(random(500)) },
  ]) {
    expect(refusal(() => verifyCustody(receipt, { ...expected(one), ...change }))).toBe(WRONG)
  }
})

describe('a root that is known', () => {
  const receipts = signCustody(mailbox, promises.slice(0, 3))
  const [first, second] = receipts.map((receipt, i) => [receipt, promiseAt(i)] as const)
  if (first === undefined || second === undefined) throw new Error('no receipts')
  const { root } = openReceipt(first[0], expected(first[1]))

  test('is taken from the receipts that were signed with it', () => {
    const opened = openReceipt(second[0], expected(second[1]), root)
    expect(opened).toEqual({ custody: second[1], root })
    expect(opened.root).toBe(root)
  })

  test('does not vouch for a receipt of another root', () => {
    const [alone = new Uint8Array()] = signCustody(mailbox, [second[1]])
    expect(openReceipt(alone, expected(second[1]), root).root).not.toBe(root)
    const forged = concat(alone.subarray(0, -64), new Uint8Array(64))
    expect(refusal(() => openReceipt(forged, expected(second[1]), root))).toBe(FORGED)
  })

  test('does not vouch for what is not under it', () => {
    const stranger = promise(NOW)
    const way = second[0].subarray(73)
    const forged = concat(u8(1), stranger.envelopeDigest, owner.key, u64(NOW), way)
    expect(refusal(() => openReceipt(forged, expected(stranger), root))).toBe(FORGED)
  })

  test('does not vouch for another mailbox', () => {
    const asked = { ...expected(first[1]), mailbox: other.key }
    expect(refusal(() => openReceipt(first[0], asked, root))).toBe(WRONG)
  })
})

describe('a way that does not lead to the root', () => {
  const [receipt, read] = receiptOf(4, 1)
  const leaf = receipt.subarray(0, 73)
  const [path, signed] = [receipt.subarray(75, 75 + 64), receipt.subarray(75 + 64)]

  test.each([0, 2, 3])('that of position %i', (position) => {
    expect(refusal(() => read(concat(leaf, u8(2), u8(position), path, signed)))).toBe(FORGED)
  })

  test('one with a step less or more', () => {
    const short = concat(leaf, u8(1), u8(1), path.subarray(0, 32), signed)
    expect(refusal(() => read(short))).toBe(FORGED)
    const long = concat(leaf, u8(3), u8(1), path, new Uint8Array(32), signed)
    expect(refusal(() => read(long))).toBe(FORGED)
  })

  test('a position or a depth that no tree has', () => {
    expect(refusal(() => read(concat(leaf, u8(2), u8(4), path, signed)))).toBe(MALFORMED)
    expect(refusal(() => read(concat(leaf, u8(9), u8(1), path, signed)))).toBe(MALFORMED)
  })
})

test('a node is no leaf: whoever signs a tree promises nothing else by it', () => {
  const [left, right] = [promiseAt(0), promiseAt(1)].map((one) => {
    return hash(32, 'custody leaf', concat(one.envelopeDigest, one.owner, u64(one.keptUntil)))
  })
  const node = concat(left ?? new Uint8Array(), right ?? new Uint8Array())
  const [receipt = new Uint8Array()] = signCustody(mailbox, promises.slice(0, 2))
  const signed = receipt.subarray(75 + 32)
  // 64 bytes of a node and 8 more have the length of a leaf, and the root would be reached without a step.
  const fake = concat(u8(1), node, u64(NOW), u8(0), u8(0), signed)
  const asked = { mailbox: mailbox.key, owner: owner.key, envelopeDigest: node.subarray(0, 32) }
  expect(refusal(() => verifyCustody(fake, asked))).toBe(FORGED)
  const cut = concat(u8(1), node, u8(0), u8(0), signed)
  expect(refusal(() => verifyCustody(cut, asked))).toMatch(/^(DecodeError|RecordError) ERR_/)
})

test('a signature for something else, or over a root of another length, is refused', () => {
  const one = promiseAt(0)
  const leaf = concat(u8(1), one.envelopeDigest, one.owner, u64(one.keptUntil), u8(0), u8(0))
  const note = signHandOut(mailbox, { owner: owner.key, keyId: 1, at: NOW, nonce: random(16) })
  expect(refusal(() => verifyCustody(concat(leaf, note), expected(one)))).toBe(MALFORMED)
  const payload = encodeMessage(CustodyPayloadSchema, { root: new Uint8Array(31) })
  const short = sealEnvelope({ account: mailbox, domain: domains.custody, payload })
  expect(refusal(() => verifyCustody(concat(leaf, short), expected(one)))).toBe(MALFORMED)
})

test('what is of another version, too long or beyond our integers is refused', () => {
  const [receipt, read, one] = receiptOf(1, 0)
  expect(refusal(() => read(concat(u8(2), receipt.subarray(1))))).toBe(
    'DecodeError ERR_UNKNOWN_VERSION',
  )
  expect(refusal(() => read(new Uint8Array(MAX_RECEIPT_BYTES + 1)))).toBe(
    'DecodeError ERR_TOO_LARGE',
  )
  expect(refusal(() => read(new Uint8Array(MAX_RECEIPT_BYTES)))).toBe(
    'DecodeError ERR_UNKNOWN_VERSION',
  )
  const never = new Uint8Array(8).fill(255)
  const leaf = concat(one.envelopeDigest, one.owner, never)
  const payload = encodeMessage(CustodyPayloadSchema, { root: hash(32, 'custody leaf', leaf) })
  const signed = sealEnvelope({ account: mailbox, domain: domains.custody, payload })
  expect(refusal(() => read(concat(u8(1), leaf, u8(0), u8(0), signed)))).toBe(MALFORMED)
})

function promise(keptUntil: number): Custody {
  return { envelopeDigest: envelopeDigest(random(500)), owner: owner.key, keptUntil }
}

function promiseAt(place: number): Custody {
  return promises[place] ?? expect.fail('no such promise')
}

function expected({ envelopeDigest: digest }: Custody) {
  return { mailbox: mailbox.key, owner: owner.key, envelopeDigest: digest }
}

/** One of a number of promises that were signed together, how it is read, and what it says. */
function receiptOf(count: number, place: number) {
  const receipt = signCustody(mailbox, promises.slice(0, count))[place] ?? expect.fail('no receipt')
  const one = promiseAt(place)
  return [receipt, (bytes: Uint8Array) => verifyCustody(bytes, expected(one)), one] as const
}
