import * as fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import type {
  Content,
  ContentBody,
  CounterRange,
  DeliveryTokens,
  MailboxToken,
} from '../../protocol/content.ts'
import {
  createMessageId,
  decodeContent,
  encodeContent,
  MAX_CONTENT_BYTES,
  messageId,
} from '../../protocol/content.ts'
import { ContentSchema } from '../../protocol/generated/content_pb.ts'
import { encodeMessage } from '../../protocol/protobuf.ts'
import { seededRandom } from '../support/random.ts'
import { refusal } from '../support/refusals.ts'

const id = fc.uint8Array({ minLength: 16, maxLength: 16 }).map(messageId)
const ids = fc.array(id, { minLength: 1, maxLength: 64 })
const text = fc.string({ unit: 'grapheme', maxLength: 500 })
/** Steps of at least two between what ends and what begins. */
const ranges = fc
  .array(fc.tuple(fc.integer({ min: 0, max: 9 }), fc.integer({ min: 0, max: 2 ** 40 })), {
    minLength: 1,
    maxLength: 64,
  })
  .map((steps) => {
    let free = 1
    return steps.map(([gap, length]) => {
      const first = free + gap
      const last = first + length
      free = last + 2
      return { first, last }
    })
  })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const deliveryTokens: fc.Arbitrary<DeliveryTokens> = fc.record({
  revision: fc.integer({ min: 1, max: 2 ** 50 }),
  tokens: fc.uniqueArray(fc.record({ mailbox: bytes32, token: bytes32 }), {
    maxLength: 8,
    selector: ({ mailbox }) => toHex(mailbox),
  }),
})
const marks = fc.uniqueArray(
  fc.record({ mailbox: bytes32, counter: fc.integer({ min: 1, max: 2 ** 50 }) }),
  { minLength: 1, maxLength: 8, selector: ({ mailbox }) => toHex(mailbox) },
)
const body: fc.Arbitrary<ContentBody> = fc.oneof(
  text.map((value): ContentBody => ({ kind: 'text', text: value })),
  ids.map((messageIds): ContentBody => ({ kind: 'delivery-receipt', messageIds })),
  ids.map((messageIds): ContentBody => ({ kind: 'read-receipt', messageIds })),
  fc.string({ maxLength: 60 }).map((name): ContentBody => ({ kind: 'profile', name })),
  fc
    .record({ name: fc.string({ maxLength: 60 }), deliveryTokens })
    .map((said): ContentBody => ({ kind: 'profile', ...said })),
  fc.constant<ContentBody>({ kind: 'control' }),
  ranges.map((list): ContentBody => ({ kind: 'missing', ranges: list })),
  fc
    .tuple(ranges, marks)
    .map(([list, fetched]): ContentBody => ({ kind: 'missing', ranges: list, fetched })),
  ranges.map((list): ContentBody => ({ kind: 'lost', ranges: list })),
)
const content: fc.Arbitrary<Content> = fc.record({
  messageId: id,
  counter: fc.maxSafeNat(),
  seen: fc.maxSafeNat(),
  sentAt: fc.maxSafeNat(),
  body,
})

const example: Content = {
  messageId: createMessageId(seededRandom('content')),
  counter: 1,
  seen: 2,
  sentAt: 3,
  body: { kind: 'text', text: 'hello' },
}

const encodedWith = (value: ContentBody): Uint8Array => encodeContent({ ...example, body: value })

test('ids are copies: a content outlives the buffer it was read from', () => {
  const body = { kind: 'read-receipt', messageIds: [example.messageId] } as const
  const bytes = encodedWith(body)
  const read = decodeContent(bytes)
  bytes.fill(0)
  expect(read).toEqual({ ...example, body })
})
const textOf = (length: number): ContentBody => ({ kind: 'text', text: 'a'.repeat(length) })
const receiptOf = (count: number): ContentBody => ({
  kind: 'read-receipt',
  messageIds: Array.from({ length: count }, () => example.messageId),
})

test('a content comes back', () => {
  fc.assert(
    fc.property(content, (value) => {
      expect(decodeContent(encodeContent(value))).toEqual(value)
    }),
  )
})

test('every strict prefix is refused', () => {
  fc.assert(
    fc.property(content, (value) => {
      const bytes = encodeContent(value)
      for (let length = 0; length < bytes.length; length += 1) {
        expect(refusal(() => decodeContent(bytes.slice(0, length)))).toMatch(/^DecodeError/)
      }
    }),
    { numRuns: 20 },
  )
})

test('a known field once more is refused, an unknown one is ignored', () => {
  const bytes = encodeContent(example)
  expect(refusal(() => decodeContent(concat(bytes, fromHex('1002'))))).toBe(
    'DecodeError ERR_NOT_CANONICAL',
  )
  expect(decodeContent(concat(bytes, fromHex('f80101')))).toEqual(example)
})

test('a kind of a later version is told from no kind', () => {
  const { messageId: name } = example
  const none = encodeMessage(ContentSchema, { messageId: name })
  expect(refusal(() => decodeContent(none))).toBe('DecodeError ERR_MALFORMED')
  expect(refusal(() => decodeContent(concat(none, fromHex('f20100'))))).toBe(
    'DecodeError ERR_UNKNOWN_VERSION',
  )
})

test('a text has at most 64 KiB of UTF-8', () => {
  expect(decodeContent(encodedWith(textOf(65_536))).body).toEqual(textOf(65_536))
  for (const value of ['a'.repeat(65_537), 'é'.repeat(32_769), '€'.repeat(21_846)]) {
    expect(refusal(() => encodedWith({ kind: 'text', text: value }))).toBe(
      'DecodeError ERR_TOO_LARGE',
    )
    const bytes = encodeMessage(ContentSchema, {
      messageId: example.messageId,
      kind: { case: 'text', value: { text: value } },
    })
    expect(refusal(() => decodeContent(bytes))).toBe('DecodeError ERR_TOO_LARGE')
  }
})

test('a receipt names 1 to 64 messages', () => {
  expect(decodeContent(encodedWith(receiptOf(64))).body).toEqual(receiptOf(64))
  expect(refusal(() => encodedWith(receiptOf(65)))).toBe('DecodeError ERR_TOO_LARGE')
  expect(refusal(() => encodedWith(receiptOf(0)))).toBe('DecodeError ERR_MALFORMED')
  for (const [count, code] of [
    [65, 'ERR_TOO_LARGE'],
    [0, 'ERR_MALFORMED'],
  ] as const) {
    const messageIds = Array.from({ length: count }, () => example.messageId)
    const bytes = encodeMessage(ContentSchema, {
      messageId: example.messageId,
      kind: { case: 'deliveryReceipt', value: { messageIds } },
    })
    expect(refusal(() => decodeContent(bytes))).toBe(`DecodeError ${code}`)
  }
})

describe('a report of counters', () => {
  const from = (count: number) =>
    Array.from({ length: count }, (_, i) => ({ first: 1 + 2 * i, last: 1 + 2 * i }))
  const cases: Readonly<Record<string, readonly [string, readonly CounterRange[]]>> = {
    'of no range': ['ERR_MALFORMED', []],
    'of 65 ranges': ['ERR_TOO_LARGE', from(65)],
    'of counter 0': ['ERR_MALFORMED', [{ first: 0, last: 1 }]],
    'of a range that ends before it begins': ['ERR_MALFORMED', [{ first: 2, last: 1 }]],
    'of ranges that fall': ['ERR_MALFORMED', [...from(2)].toReversed()],
    'of ranges that touch': [
      'ERR_MALFORMED',
      [
        { first: 1, last: 2 },
        { first: 3, last: 3 },
      ],
    ],
    'of a counter above 2^53 - 1': ['ERR_MALFORMED', [{ first: 1, last: 2 ** 53 }]],
  }

  test('has up to 64 ranges', () => {
    const full: ContentBody = { kind: 'missing', ranges: from(64) }
    expect(decodeContent(encodedWith(full)).body).toEqual(full)
  })

  test.each(Object.entries(cases))('%s is refused', (name, [code, list]) => {
    const value = list.map(({ first, last }) => ({ first: BigInt(first), last: BigInt(last) }))
    const bytes = encodeMessage(ContentSchema, {
      messageId: example.messageId,
      kind: { case: 'missing', value: { ranges: value } },
    })
    expect(refusal(() => decodeContent(bytes))).toBe(`DecodeError ${code}`)
    if (name.includes('2^53')) return // no number that a program of ours has
    expect(refusal(() => encodedWith({ kind: 'lost', ranges: list }))).toBe(`DecodeError ${code}`)
  })
})

describe('what mailboxes have handed over', () => {
  const mark = (name: string, counter = 1) => ({ mailbox: seededRandom(name)(32), counter })
  const eight = Array.from({ length: 8 }, (_, i) => mark(`mailbox ${i}`))
  const cases: Readonly<Record<string, readonly [code: string, fetched: typeof eight]>> = {
    'of nine': ['ERR_TOO_LARGE', [...eight, mark('ninth')]],
    'up to counter 0': ['ERR_MALFORMED', [mark('one', 0)]],
    'of one twice': ['ERR_MALFORMED', [mark('one', 1), mark('one', 2)]],
    'of a mailbox of 31 bytes': [
      'ERR_MALFORMED',
      [{ ...mark('one'), mailbox: new Uint8Array(31) }],
    ],
  }

  test('is read as it was written, from counter 1 on, and holds on to nothing', () => {
    const said: ContentBody = { kind: 'missing', ranges: [{ first: 1, last: 1 }], fetched: eight }
    const { body } = decodeContent(encodedWith(said))
    expect(body).toEqual(said)
    const read = body.kind === 'missing' ? body.fetched : undefined
    expect(read?.map(({ mailbox }) => mailbox.buffer.byteLength)).toEqual(eight.map(() => 32))
  })

  test.each(Object.entries(cases))('%s is refused', (_, [code, fetched]) => {
    const marked = fetched.map(({ mailbox, counter }) => ({ mailbox, counter: BigInt(counter) }))
    const bytes = encodeMessage(ContentSchema, {
      messageId: example.messageId,
      kind: { case: 'missing', value: { ranges: [{ first: 1n, last: 1n }], fetched: marked } },
    })
    expect(refusal(() => decodeContent(bytes))).toBe(`DecodeError ${code}`)
    const said: ContentBody = { kind: 'missing', ranges: [{ first: 1, last: 1 }], fetched }
    expect(refusal(() => encodedWith(said))).toBe(`DecodeError ${code}`)
  })
})

test('a name has at most 256 bytes', () => {
  expect(refusal(() => encodedWith({ kind: 'profile', name: 'a'.repeat(257) }))).toBe(
    'DecodeError ERR_TOO_LARGE',
  )
})

describe('delivery tokens', () => {
  const at = (mailbox: number, change: Partial<MailboxToken> = {}): MailboxToken => ({
    ...{ mailbox: new Uint8Array(32).fill(mailbox), token: new Uint8Array(32).fill(9) },
    ...change,
  })
  const many = (count: number) => Array.from({ length: count }, (_, i) => at(i))
  const cases: Readonly<Record<string, readonly [string, DeliveryTokens]>> = {
    'of revision 0': ['ERR_MALFORMED', { revision: 0, tokens: [] }],
    'nine of them': ['ERR_TOO_LARGE', { revision: 1, tokens: many(9) }],
    'two of one mailbox': ['ERR_MALFORMED', { revision: 1, tokens: [at(1), at(2), at(1)] }],
    'a token of 31 bytes': [
      'ERR_MALFORMED',
      { revision: 1, tokens: [at(1, { token: new Uint8Array(31) })] },
    ],
    'no token': ['ERR_MALFORMED', { revision: 1, tokens: [at(1, { token: new Uint8Array(0) })] }],
    'a mailbox of 33 bytes': [
      'ERR_MALFORMED',
      { revision: 1, tokens: [at(1, { mailbox: new Uint8Array(33) })] },
    ],
  }

  test('are at most 8, and none is an answer too', () => {
    for (const tokens of [many(8), []]) {
      const said: ContentBody = {
        kind: 'profile',
        name: '',
        deliveryTokens: { revision: 1, tokens },
      }
      expect(decodeContent(encodedWith(said)).body).toEqual(said)
    }
  })

  test('are not the same as a profile that says nothing about them', () => {
    const silent: ContentBody = { kind: 'profile', name: 'Zoë' }
    expect(decodeContent(encodedWith(silent)).body).toEqual(silent)
  })

  test.each(Object.entries(cases))('%s: refused', (_, [code, { revision, tokens }]) => {
    const said = { revision: BigInt(revision), tokens: [...tokens] }
    const bytes = encodeMessage(ContentSchema, {
      messageId: example.messageId,
      kind: { case: 'profile', value: { name: 'Zoë', deliveryTokens: said } },
    })
    expect(refusal(() => decodeContent(bytes))).toBe(`DecodeError ${code}`)
    expect(
      refusal(() =>
        encodedWith({ kind: 'profile', name: 'Zoë', deliveryTokens: { revision, tokens } }),
      ),
    ).toBe(`DecodeError ${code}`)
  })

  test('are copies: they outlive the buffer they were read from', () => {
    const said: ContentBody = {
      kind: 'profile',
      name: '',
      deliveryTokens: { revision: 5, tokens: [at(3)] },
    }
    const bytes = encodedWith(said)
    const read = decodeContent(bytes)
    bytes.fill(0)
    expect(read.body).toEqual(said)
  })
})

test('a lone surrogate is not sent as another text', () => {
  expect(refusal(() => encodedWith({ kind: 'text', text: 'a\ud800' }))).toBe(
    'DecodeError ERR_MALFORMED',
  )
})

test('bytes that are no UTF-8 are refused', () => {
  const bytes = encodedWith({ kind: 'text', text: 'zzzz' })
  bytes.set(fromHex('c080c080'), bytes.length - 4)
  expect(refusal(() => decodeContent(bytes))).toBe('DecodeError ERR_MALFORMED')
})

test('a message id has 16 bytes', () => {
  for (const length of [0, 15, 17]) {
    expect(refusal(() => messageId(new Uint8Array(length)))).toBe('DecodeError ERR_MALFORMED')
    const bytes = encodeMessage(ContentSchema, {
      messageId: new Uint8Array(length),
      kind: { case: 'control', value: {} },
    })
    expect(refusal(() => decodeContent(bytes))).toBe('DecodeError ERR_MALFORMED')
  }
})

test('a counter above 2^53 - 1 is refused', () => {
  const bytes = encodeMessage(ContentSchema, {
    messageId: example.messageId,
    counter: 2n ** 53n,
    kind: { case: 'control', value: {} },
  })
  expect(refusal(() => decodeContent(bytes))).toBe('DecodeError ERR_MALFORMED')
})

test('a content above the limit is refused before it is read', () => {
  const bytes = utf8('a'.repeat(MAX_CONTENT_BYTES + 1))
  expect(refusal(() => decodeContent(bytes))).toBe('DecodeError ERR_TOO_LARGE')
})
