import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Content,
  type CounterRange,
  decodeContent,
  type DeliveryTokens,
  encodeContent,
  messageId,
} from '../../protocol/content.ts'
import { ready } from '../../protocol/crypto.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { decodeBody, encodeBody, padme } from '../../protocol/padding.ts'
import { nextOrdinal, sendingSession } from '../../protocol/sessions.ts'
import { seededRandom } from '../support/random.ts'
import { Talker } from '../support/talkers.ts'
import { ascii, hex, join, repeated, unhex } from './stranger/bytes.ts'
import * as contents from './stranger/content.ts'
import * as envelopes from './stranger/envelope.ts'
import { choose } from './stranger/person.ts'
import { varint, write } from './stranger/protobuf.ts'
import { Stranger, verdict } from './support.ts'

await ready

const id = fc.uint8Array({ minLength: 16, maxLength: 16 })
const ids = fc.array(id, { minLength: 1, maxLength: 64 })
const text = fc.string({ unit: 'grapheme', maxLength: 300 })
const ranges = fc
  .uniqueArray(fc.integer({ min: 1, max: 2 ** 50 }), { minLength: 2, maxLength: 128 })
  .map((numbers) => {
    const bounds = numbers.map((number) => 2 * number).toSorted((a, b) => a - b)
    const pairs = Array.from({ length: Math.floor(bounds.length / 2) })
    return pairs.map((_, i): contents.Range => [bounds[2 * i] ?? 0, bounds[2 * i + 1] ?? 0])
  })
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 })
const marks = fc.uniqueArray(fc.tuple(bytes32, fc.integer({ min: 1, max: 2 ** 50 })), {
  ...{ minLength: 1, maxLength: 8 },
  selector: ([mailbox]) => hex(mailbox),
})
const said: fc.Arbitrary<contents.Said> = fc.oneof(
  text.map((value): contents.Said => ({ kind: 'text', text: value })),
  ids.map((list): contents.Said => ({ kind: 'delivered', ids: list })),
  ids.map((list): contents.Said => ({ kind: 'read', ids: list })),
  fc.string({ maxLength: 60 }).map((name): contents.Said => ({ kind: 'profile', name })),
  fc
    .record({
      name: fc.string({ maxLength: 60 }),
      delivery: fc.record({
        revision: fc.integer({ min: 1, max: 2 ** 50 }),
        tokens: fc.uniqueArray(fc.tuple(bytes32, bytes32), {
          maxLength: 8,
          selector: ([mailbox]) => hex(mailbox),
        }),
      }),
    })
    .map((profile): contents.Said => ({ kind: 'profile', ...profile })),
  fc.constant<contents.Said>({ kind: 'control' }),
  ranges.map((list): contents.Said => ({ kind: 'missing', ranges: list })),
  fc
    .tuple(ranges, marks)
    .map(([list, fetched]): contents.Said => ({ kind: 'missing', ranges: list, fetched })),
  ranges.map((list): contents.Said => ({ kind: 'lost', ranges: list })),
)
const anyContent: fc.Arbitrary<contents.Content> = fc.record({
  ...{ id, counter: fc.maxSafeNat(), seen: fc.maxSafeNat(), sentAt: fc.maxSafeNat(), said },
})

/** The stranger's content in the words of ours. */
function asOurs({ id: name, said: what, ...rest }: contents.Content): Content {
  return { ...rest, messageId: messageId(name), body: bodyOf(what) }
}

function bodyOf(what: contents.Said): Content['body'] {
  switch (what.kind) {
    case 'delivered':
      return { kind: 'delivery-receipt', messageIds: what.ids.map(messageId) }
    case 'read':
      return { kind: 'read-receipt', messageIds: what.ids.map(messageId) }
    case 'profile':
      return { kind: 'profile', name: what.name, ...tokensOf(what.delivery) }
    case 'text':
    case 'control':
      return what
    case 'missing': {
      const fetched = what.fetched?.map(([mailbox, counter]) => ({ mailbox, counter }))
      const said = { kind: what.kind, ranges: rangesOf(what.ranges) }
      return fetched === undefined ? said : { ...said, fetched }
    }
    case 'lost':
      return { kind: what.kind, ranges: rangesOf(what.ranges) }
    case 'unknown':
      throw new Error('no content says this')
  }
}

function rangesOf(ranges: readonly contents.Range[]): readonly CounterRange[] {
  return ranges.map(([first, last]) => ({ first, last }))
}

function tokensOf(delivery: contents.Delivery | undefined): {
  readonly deliveryTokens?: DeliveryTokens
} {
  if (delivery === undefined) return {}
  const tokens = delivery.tokens.map(([mailbox, token]) => ({ mailbox, token }))
  return { deliveryTokens: { revision: delivery.revision, tokens } }
}

/** Profiles with delivery tokens as they may be, and as they may not. */
function deliveryCases(head: Uint8Array): Readonly<Record<string, Uint8Array>> {
  const one = (mailbox: number, length = 32): Uint8Array =>
    write({ 1: repeated(mailbox, length), 2: repeated(9, 32) })
  const profile = (inner: Uint8Array): Uint8Array => join(head, write({ 8: [inner] }))
  const said = (revision: number, tokens: readonly Uint8Array[]): Uint8Array =>
    profile(write({ 1: 'x', 2: [write({ 1: revision, 2: tokens })] }))
  const many = (count: number) => Array.from({ length: count }, (_, i) => one(i))
  const later = unhex('f80101')
  return {
    'a delivery token': said(1, [one(1)]),
    'no delivery token': said(1, []),
    'eight delivery tokens': said(1, many(8)),
    'nine delivery tokens': said(1, many(9)),
    'delivery tokens of revision 0': said(0, [one(1)]),
    'two delivery tokens of one mailbox': said(1, [one(1), one(1)]),
    'a delivery token of a short account': said(1, [one(1, 31)]),
    'delivery tokens twice': profile(write({ 2: [write({ 1: 1 }), write({ 1: 2 })] })),
    'empty delivery tokens': profile(unhex('1200')),
    'an unknown field in delivery tokens': profile(write({ 2: [join(write({ 1: 1 }), later)] })),
    'an unknown field in a delivery token': said(1, [join(one(1), later)]),
    'an unknown field behind delivery tokens': profile(
      join(write({ 2: [write({ 1: 1 })] }), later),
    ),
    'a name behind delivery tokens': profile(
      join(write({ 2: [write({ 1: 1 })] }), write({ 1: 'x' })),
    ),
  }
}

/** A field 15 of so many bytes with all around it. */
function laterField(length: number): Uint8Array {
  return join(unhex('7a'), varint(length - 4), repeated(1, length - 4))
}

function verdicts(
  bytes: Uint8Array,
  ours: (bytes: Uint8Array) => unknown,
  theirs: (bytes: Uint8Array) => unknown,
): readonly string[] {
  return [ours, theirs].map((read) => verdict(() => read(bytes)))
}

describe('a content', () => {
  test('has the same bytes, and is read from them by both', () => {
    fc.assert(
      fc.property(anyContent, (content) => {
        const bytes = contents.writeContent(content)
        expect(encodeContent(asOurs(content))).toEqual(bytes)
        expect(decodeContent(bytes)).toEqual(asOurs(content))
        expect(contents.readContent(bytes)).toEqual(content)
      }),
    )
  })

  const head = write({ 1: repeated(7, 16), 2: 1 })
  const hello = join(head, unhex('2a03'), write({ 1: 'x' }))
  const cases: Readonly<Record<string, Uint8Array>> = {
    hello,
    'an unknown field': join(hello, unhex('f80101')),
    'an unknown field inside the text': join(
      head,
      unhex('2a06'),
      write({ 1: 'x' }),
      unhex('f80101'),
    ),
    'an unknown field in front': join(unhex('f80101'), hello),
    'an unknown field in a control': join(head, unhex('4a03f80101')),
    'unknown fields of every type': join(hello, unhex('950101020304910101020304050607085a0141')),
    'a group': join(hello, unhex('9b01089c01')),
    'an unknown field that ends too soon': join(hello, unhex('9101010203')),
    'a kind and an unknown kind': join(hello, unhex('720141')),
    'no kind': head,
    'two kinds': join(hello, unhex('4a00')),
    'one kind twice': join(hello, unhex('2a0341'), unhex('0a00')),
    'fields in another order': join(unhex('2a00'), head),
    'a short id': join(write({ 1: repeated(7, 15) }), unhex('2a00')),
    'a default that is written': join(write({ 1: repeated(7, 16) }), unhex('10002a00')),
    'a number with a zero byte too many': join(write({ 1: repeated(7, 16) }), unhex('1081002a00')),
    'a text that is no UTF-8': join(head, unhex('2a030a01ff')),
    'an empty text': join(head, unhex('2a00')),
    'an empty receipt': join(head, unhex('3200')),
    'a receipt with an id of 15 bytes': join(head, unhex('32110a0f'), repeated(1, 15)),
    'a counter above 2^53': join(write({ 1: repeated(7, 16) }), unhex('1080808080808080102a00')),
    'a name of 257 bytes': join(head, unhex('4284020a8102'), repeated(0x61, 257)),
    ...deliveryCases(head),
    'a text of 64 KiB': join(head, unhex('2a8480040a808004'), repeated(0x61, 65_536)),
    'a text of a byte more': join(head, unhex('2a8580040a818004'), repeated(0x61, 65_537)),
    'fields of a later version up to 65 KiB': join(hello, laterField(66_560 - hello.length)),
    'a byte more of them': join(hello, laterField(66_561 - hello.length)),
    'the fields of two kinds, each once': join(
      hello,
      unhex('3212'),
      write({ 1: [repeated(1, 16)] }),
    ),
    'a report of one counter': join(head, unhex('52060a0408011001')),
    'a report of counter 0': join(head, unhex('52040a021001')),
    'a report of nothing': join(head, unhex('5200')),
    'a report of an empty range': join(head, unhex('52020a00')),
    'a report of a range that ends first': join(head, unhex('5a060a0408021001')),
    'a report of ranges that touch': join(head, unhex('5a0c0a04080110020a0408031003')),
    'a report of ranges that fall': join(head, unhex('5a0c0a04080510050a0408031003')),
    'a report with an unknown field in a range': join(head, unhex('52090a07080110017a0141')),
    'a report with a default that is written': join(head, unhex('52080a06080010011800')),
    'a report with fields in another order': join(head, unhex('52060a0410010801')),
    nothing: new Uint8Array(),
  }

  test.each(Object.entries(cases))('with %s is the same to both', (name, bytes) => {
    const [ours, theirs] = verdicts(bytes, decodeContent, contents.readContent)
    expect(theirs).toBe(ours)
    if (name === 'hello') expect(ours).toBe('accepted')
  })

  test('of a kind of a later version is told apart by both', () => {
    const later = join(head, unhex('720141'))
    expect(() => decodeContent(later)).toThrow('ERR_UNKNOWN_VERSION')
    expect(contents.readContent(later).said).toEqual({ kind: 'unknown' })
  })
})

describe('an envelope', () => {
  const first = {
    ...{ spkId: 1, kemId: 2, hasOpk: false, opkId: 0, ephemeralKey: repeated(1, 32) },
    ...{ kemCiphertext: repeated(2, 1088), hiddenIdentity: repeated(3, 159) },
  }
  const rest = repeated(4, 16 + 8 + 60 + 272)
  const ofFirst = (change: Partial<envelopes.FirstPrefix>): Uint8Array =>
    join(envelopes.writeFirstPrefix({ ...first, ...change }), rest)
  const cases: Readonly<Record<string, readonly [Uint8Array, string]>> = {
    'session form': [join(envelopes.SESSION_PREFIX, rest), 'accepted'],
    'session form and a byte less': [join(envelopes.SESSION_PREFIX, rest.slice(1)), 'refused'],
    'first form': [ofFirst({}), 'accepted'],
    'first form and a byte less': [ofFirst({}).slice(0, -1), 'refused'],
    'a pair': [ofFirst({ hasOpk: true, opkId: 2 }), 'accepted'],
    'a pair of another id': [ofFirst({ hasOpk: true, opkId: 1 }), 'refused'],
    'a pair of id 0': [ofFirst({ hasOpk: true, kemId: 0, opkId: 0 }), 'refused'],
    'an id without a pair': [ofFirst({ opkId: 2 }), 'refused'],
    'the flag 2': [ofFirst({ hasOpk: true, opkId: 2 }).with(10, 2), 'refused'],
    'a hidden identity of 158 bytes': [ofFirst({ hiddenIdentity: repeated(3, 158) }), 'refused'],
    'a hidden identity of 414 bytes': [ofFirst({ hiddenIdentity: repeated(3, 414) }), 'accepted'],
    'a hidden identity of 415 bytes': [ofFirst({ hiddenIdentity: repeated(3, 415) }), 'refused'],
    'an unknown kind': [join(Uint8Array.of(1, 3), rest), 'refused'],
    'an unknown version': [join(Uint8Array.of(2, 1), rest), 'refused'],
    '128 KiB': [join(envelopes.SESSION_PREFIX, repeated(0, 131_070)), 'accepted'],
    '128 KiB and a byte': [join(envelopes.SESSION_PREFIX, repeated(0, 131_071)), 'refused'],
  }

  test.each(Object.entries(cases))('of %s is the same to both', (_, [bytes, expected]) => {
    const both = verdicts(bytes, readEnvelope, envelopes.readEnvelope)
    expect(both).toEqual([expected, expected])
  })

  test('is split in the same places', () => {
    for (const bytes of [ofFirst({}), join(envelopes.SESSION_PREFIX, rest)]) {
      const [ours, theirs] = [readEnvelope(bytes), envelopes.readEnvelope(bytes)]
      const { prefix, salt, tag, sealedHeader, body } = theirs
      expect(ours).toMatchObject({ prefix, salt, tag, sealedHeader, body })
      expect(ours.digest).toEqual(theirs.digest)
    }
  })
})

describe('a padded body', () => {
  const value = (length: number): fc.Arbitrary<Uint8Array> =>
    fc.uint8Array({ minLength: length, maxLength: length })
  const item = fc
    .tuple(
      fc.integer({ min: 1, max: 8 }),
      fc.constantFrom(0, 1, 16, 32, 33, 36, 199, 512, 513, 1188),
    )
    .chain(([kind, length]) => fc.record({ kind: fc.constant(kind), value: value(length) }))

  test('is as long, and has the same bytes', () => {
    fc.assert(
      fc.property(fc.nat(131_072), (n) => envelopes.padme(n) === padme(n)),
      { numRuns: 2000 },
    )
    const note = { kind: 5 as const, value: repeated(9, 199) }
    const content = ascii('words')
    expect(envelopes.writeBody(content, [note])).toEqual(encodeBody(content, [note]))
  })

  test('with any items, and with bytes behind the end, is read alike', () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 900 }),
        fc.array(item),
        fc.nat(),
        (content, all, at) => {
          const padded = envelopes.writeBody(content, all)
          expect(envelopes.readBody(padded)).toEqual(decodeBody(padded))
          const dirty = padded.slice()
          dirty[Math.max(4 + content.length, at % padded.length)] = 0xee
          expect(envelopes.readBody(dirty)).toEqual(decodeBody(dirty))
          expect(decodeBody(dirty).content).toEqual(content)
        },
      ),
    )
  })

  test('too short for its content is refused by both', () => {
    for (const length of [253, 1000, 2 ** 32 - 1]) {
      const padded = repeated(0, 256)
      new DataView(padded.buffer).setUint32(0, length)
      expect(verdicts(padded, decodeBody, envelopes.readBody)).toEqual(['refused', 'refused'])
    }
  })
})

test('the digest of an envelope is the same', () => {
  const envelope = seededRandom('envelope')(358)
  expect(envelopes.envelopeDigest(envelope)).toEqual(envelopeDigest(envelope))
})

test('both choose the same session to send in, and give a handshake the same ordinal', () => {
  const ours = new Talker('chooser')
  ours.begin(new Stranger('chosen').reachable)
  const template = ours.session
  const side = fc.record({ ordinal: fc.integer({ min: 1, max: 9 }), seen: fc.nat(9), mark: id })
  fc.assert(
    fc.property(side, side, (a, b) => {
      fc.pre(a.mark.some((byte, i) => byte !== b.mark[i]))
      const sessions = [a, b].map((one, i) => ({
        ...{
          ...template,
          handshake: { by: i === 0 ? ('ours' as const) : ('theirs' as const), ...one },
        },
      }))
      const [first, second] = [a, b].map((one) => ({ ...one, transcript: one.mark }))
      expect(sendingSession(sessions)?.handshake.mark).toEqual(choose(first, second)?.mark)
    }),
  )
  expect(nextOrdinal({ previous: 5, seenByThem: 8, now: 7 })).toBe(9)
  expect(nextOrdinal({ previous: 9, seenByThem: 8, now: 7 })).toBe(10)
  expect(nextOrdinal({ previous: 5, seenByThem: 6, now: 9 })).toBe(9)
})
