import { create, toBinary } from '@bufbuild/protobuf'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  decodeMailboxFrame,
  encodeMailboxFrame,
  MAX_DEPOSIT_BYTES,
  MAX_ITEMS,
  MAX_MAILBOX_FRAME_BYTES,
  MAX_PAIR_BYTES,
  MAX_PAIRS,
  type MailboxBodyInit,
} from '../../net/mailbox-messages.ts'
import { MailboxFrameSchema } from '../../protocol/generated/mailbox_pb.ts'

const bytes = (length: number) => new Uint8Array(length).fill(1)
const item = (id: bigint, length: number) => ({ id, envelope: bytes(length) })

const GOOD: readonly MailboxBodyInit[] = [
  { case: 'hello', value: { nonce: bytes(16) } },
  { case: 'failure', value: { code: 2 } },
  { case: 'done', value: {} },
  { case: 'login', value: { nonce: bytes(16), instanceId: bytes(16), signed: bytes(200) } },
  { case: 'join', value: { joinSecret: bytes(0) } },
  { case: 'join', value: { joinSecret: bytes(32) } },
  { case: 'putBundle', value: { bundle: bytes(4096) } },
  { case: 'putPrekeys', value: { pairs: [bytes(MAX_PAIR_BYTES)] } },
  { case: 'fetch', value: { maxItems: 5 } },
  { case: 'items', value: { items: [item(1n, MAX_DEPOSIT_BYTES)], more: true } },
  { case: 'acknowledge', value: { ids: [1n, 2n] } },
  { case: 'deposit', value: { owner: bytes(32), depositId: bytes(16), envelope: bytes(1) } },
  {
    case: 'deposit',
    value: { owner: bytes(32), depositId: bytes(16), envelope: bytes(1), token: bytes(32) },
  },
  { case: 'putTokens', value: { tokens: [] } },
  { case: 'putTokens', value: { tokens: tokens(1024) } },
  { case: 'putMark', value: { mark: bytes(1) } },
  { case: 'putMark', value: { mark: bytes(64) } },
  { case: 'custody', value: { signed: bytes(1) } },
  { case: 'takePrekey', value: { owner: bytes(32), nonce: bytes(16) } },
  { case: 'takePrekey', value: { owner: bytes(32), nonce: bytes(16), token: bytes(32) } },
  { case: 'prekey', value: { bundle: bytes(1) } },
  { case: 'getBundle', value: { owner: bytes(32) } },
  { case: 'bundle', value: { bundle: bytes(0) } },
  { case: 'getStatus', value: {} },
  { case: 'status', value: { usedBytes: 1n } },
]

const BAD: readonly (readonly [string, MailboxBodyInit])[] = [
  ['a short nonce', { case: 'hello', value: { nonce: bytes(15) } }],
  ['a long instance id', { case: 'login', value: { nonce: bytes(16), instanceId: bytes(17) } }],
  [
    'a long login',
    { case: 'login', value: { nonce: bytes(16), instanceId: bytes(16), signed: bytes(513) } },
  ],
  ['a long join secret', { case: 'join', value: { joinSecret: bytes(33) } }],
  ['an empty bundle', { case: 'putBundle', value: { bundle: bytes(0) } }],
  ['a long bundle', { case: 'putBundle', value: { bundle: bytes(4097) } }],
  ['a long pair', { case: 'putPrekeys', value: { pairs: [bytes(MAX_PAIR_BYTES + 1)] } }],
  [
    'too many pairs',
    { case: 'putPrekeys', value: { pairs: Array.from({ length: MAX_PAIRS + 1 }, () => bytes(1)) } },
  ],
  [
    'too many bytes of pairs',
    { case: 'putPrekeys', value: { pairs: Array.from({ length: 44 }, () => bytes(1500)) } },
  ],
  ['an empty envelope', { case: 'items', value: { items: [item(1n, 0)] } }],
  ['a long envelope', { case: 'items', value: { items: [item(1n, MAX_DEPOSIT_BYTES + 1)] } }],
  [
    'too many items',
    { case: 'items', value: { items: Array.from({ length: MAX_ITEMS + 1 }, () => item(1n, 1)) } },
  ],
  ['an id above 2^53', { case: 'items', value: { items: [item(2n ** 53n, 1)] } }],
  ['an acknowledgement above 2^53', { case: 'acknowledge', value: { ids: [2n ** 63n] } }],
  [
    'too many acknowledgements',
    { case: 'acknowledge', value: { ids: new Array<bigint>(1025).fill(1n) } },
  ],
  ['a short owner', { case: 'deposit', value: { owner: bytes(31), depositId: bytes(16) } }],
  ['a deposit without an id', { case: 'deposit', value: { owner: bytes(32), envelope: bytes(1) } }],
  [
    'a short token',
    {
      case: 'deposit',
      value: { owner: bytes(32), depositId: bytes(16), envelope: bytes(1), token: bytes(31) },
    },
  ],
  ['a token of no slot', { case: 'putTokens', value: { tokens: [{ slot: 0, hash: bytes(32) }] } }],
  ['a short hash', { case: 'putTokens', value: { tokens: [{ slot: 1, hash: bytes(31) }] } }],
  ['no mark', { case: 'putMark', value: { mark: bytes(0) } }],
  ['a long mark', { case: 'putMark', value: { mark: bytes(65) } }],
  ['too many tokens', { case: 'putTokens', value: { tokens: tokens(1025) } }],
  [
    'a short token for a pair',
    { case: 'takePrekey', value: { owner: bytes(32), nonce: bytes(16), token: bytes(31) } },
  ],
  ['an empty receipt', { case: 'custody', value: {} }],
  ['a request for nobody', { case: 'getBundle', value: {} }],
  ['a status above 2^53', { case: 'status', value: { usedBytes: 2n ** 60n } }],
]

test.each(GOOD.map((body) => [body.case, body] as const))('%s comes back as it was', (_, body) => {
  const frame = encodeMailboxFrame(7, body)
  const decoded = decodeMailboxFrame(frame)
  expect(decoded.id).toBe(7)
  expect(decoded.body).toMatchObject(body)
})

test.each(BAD)('%s is refused', (_, body) => {
  expect(() => decodeMailboxFrame(encodeMailboxFrame(1, body))).toThrow(
    expect.objectContaining({ name: 'DecodeError' }),
  )
})

describe('refused is', () => {
  test('a frame without a body, and one that is too large before it is read', () => {
    const empty = toBinary(MailboxFrameSchema, create(MailboxFrameSchema, { id: 1 }))
    expect(() => decodeMailboxFrame(empty)).toThrow('ERR_MALFORMED')
    expect(() => decodeMailboxFrame(bytes(MAX_MAILBOX_FRAME_BYTES + 1))).toThrow('ERR_TOO_LARGE')
  })

  test('every cut of a frame', () => {
    const frame = encodeMailboxFrame(1, { case: 'hello', value: { nonce: bytes(16) } })
    for (let length = 0; length < frame.length; length++) {
      expect(() => decodeMailboxFrame(frame.subarray(0, length))).toThrow()
    }
  })

  test('any other bytes, with our error or not at all', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (frame) => {
        try {
          decodeMailboxFrame(frame)
        } catch (cause) {
          expect(cause).toMatchObject({ name: 'DecodeError' })
        }
      }),
    )
  })
})

function tokens(count: number) {
  return Array.from({ length: count }, () => ({ slot: 1, hash: bytes(32) }))
}
