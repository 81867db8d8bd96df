import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { encodeMailboxFrame } from '../../net/mailbox-messages.ts'
import { encodePlain } from '../../net/plain-fields.ts'
import { MailboxFrameSchema } from '../../protocol/generated/mailbox_pb.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'

const bytes = fc.uint8Array({ maxLength: 300 })
const item = fc.record({
  id: fc.bigInt({ min: 0n, max: BigInt(Number.MAX_SAFE_INTEGER) }),
  envelope: bytes,
  slot: fc.nat({ max: 0xffff_ffff }),
})

/** Those that are not written by the runtime. */
const body = fc.oneof(
  fc
    .record({ owner: bytes, depositId: bytes, envelope: bytes, token: bytes }, { requiredKeys: [] })
    .map((value): MailboxBodyInit => ({ case: 'deposit', value })),
  fc.record({ signed: bytes }).map((value): MailboxBodyInit => ({ case: 'custody', value })),
  fc
    .record({ items: fc.array(item, { maxLength: 20 }), more: fc.boolean() })
    .map((value): MailboxBodyInit => ({ case: 'items', value })),
)

test('frames have the bytes that the runtime gives them', () => {
  fc.assert(
    fc.property(fc.nat({ max: 0xffff_ffff }), body, (id, one) => {
      const expected = toBinary(MailboxFrameSchema, create(MailboxFrameSchema, { id, body: one }))
      expect(encodeMailboxFrame(id, one)).toEqual(expected)
    }),
  )
})

test('an empty message is written, empty bytes and 0 are not', () => {
  expect(encodePlain([[1, []]])).toEqual(Uint8Array.of(0x0a, 0))
  expect(encodePlain([[1, new Uint8Array(0)]])).toEqual(new Uint8Array(0))
  expect(encodePlain([[1, 0]])).toEqual(new Uint8Array(0))
})

test('a number of 2^53 - 1 is written whole', () => {
  const ones = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f]
  expect(encodePlain([[16, Number.MAX_SAFE_INTEGER]])).toEqual(Uint8Array.of(0x80, 0x01, ...ones))
})
