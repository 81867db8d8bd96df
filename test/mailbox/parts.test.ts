import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gate } from '../../mailbox/gate.ts'
import { readExpiryName, keys, lastNumber } from '../../mailbox/level/keys.ts'
import {
  decodeExpiry,
  decodeFormer,
  decodeItem,
  decodeMember,
  decodePair,
  decodeReceipt,
  decodeTime,
  decodeTokens,
  encodeExpiry,
  encodeFormer,
  encodeItem,
  encodeMember,
  encodePair,
  encodeReceipt,
  encodeTime,
  encodeTokens,
} from '../../mailbox/level/stored.ts'
import { addressPrefix, Throttle } from '../../net/throttle.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length })
const u32 = fc.nat(0xffff_ffff)
const u53 = fc.maxSafeNat()

test('records are read back as they were written, and nothing shorter or longer is', () => {
  const flow = fc.record({ accepted: u53, acknowledged: u53, expired: u53, removed: u53 })
  const member = fc.record({
    account: bytes(32),
    bytes: u53,
    messages: u32,
    strangerBytes: u53,
    strangerMessages: u32,
    receipts: u32,
    lastItem: u53,
    pairs: u32,
    lastPair: u53,
    flow,
  })
  const receipt = fc.record({ envelopeDigest: bytes(32), keptUntil: u53 })
  const expiry = fc.oneof(
    fc.record({ kind: fc.constant('mail' as const), member: u32, item: u53, depositId: bytes(16) }),
    fc.record({ kind: fc.constant('pair' as const), member: u32, place: u53 }),
    fc.record({ kind: fc.constant('taken' as const), member: u32, pairId: u32 }),
  )
  law(member, encodeMember, decodeMember)
  law(fc.record({ last: u32, flow }), encodeFormer, decodeFormer)
  law(receipt, encodeReceipt, decodeReceipt)
  law(expiry, encodeExpiry, decodeExpiry)
  law(fc.array(fc.record({ slot: u32, hash: bytes(32) })), encodeTokens, decodeTokens)
  law(u53, encodeTime, decodeTime)
  expect(() => decodeExpiry(Uint8Array.of(1, 9, 0, 0, 0, 0))).toThrow('ERR_MALFORMED')
  expect(() => decodeTime(encodeTime(1).with(0, 2))).toThrow('ERR_UNKNOWN_VERSION')
})

test('envelopes and pairs are read back as they were written', () => {
  const item = fc.record({
    depositId: bytes(16),
    takenAt: u53,
    expiresAt: u53,
    slot: u32,
    envelope: fc.uint8Array(),
  })
  const pair = fc.record({ id: u32, expiresAt: u53, shelfUntil: u53, signed: fc.uint8Array() })
  fc.assert(
    fc.property(item, pair, (anItem, aPair) => {
      expect(decodeItem(encodeItem(anItem))).toEqual(anItem)
      expect(decodePair(encodePair(aPair))).toEqual(aPair)
    }),
  )
  expect(() => decodeItem(new Uint8Array(3).fill(1))).toThrow('ERR_TRUNCATED')
})

function law<T>(
  values: fc.Arbitrary<T>,
  encode: (v: T) => Uint8Array,
  decode: (b: Uint8Array) => T,
) {
  fc.assert(
    fc.property(values, fc.nat(), (value, cut) => {
      const encoded = encode(value)
      expect(decode(encoded)).toEqual(value)
      expect(() => decode(encoded.slice(0, cut % encoded.length))).toThrow('ERR_')
      expect(() => decode(Uint8Array.of(...encoded, 0))).toThrow('ERR_TRAILING')
    }),
  )
}

test('names of records are in the order of their numbers', () => {
  fc.assert(
    fc.property(u53, u53, (a, b) => {
      expect(keys.item(1, a) < keys.item(1, b)).toBe(a < b)
      expect(lastNumber(keys.item(7, a))).toBe(a)
      expect(readExpiryName(keys.mailExpiry(a, 3, b))).toEqual({
        at: a,
        member: 3,
        kind: 'mail',
        entry: b,
      })
    }),
  )
})

test('a bucket gives its burst, then a token at a time, to each key alone', async () => {
  const clock = new ManualClock()
  const throttle = new Throttle({ clock, burst: 2, perSecond: 0.5 })
  const take = (key: string) => throttle.take(key)
  expect([take('a'), take('a'), take('a'), take('b')]).toEqual([true, true, false, true])
  await clock.advance(1999)
  expect([throttle.allows('a'), take('a')]).toEqual([false, false])
  await clock.advance(1)
  expect([throttle.allows('a'), take('a'), take('a')]).toEqual([true, true, false])
  await clock.advance(100_000)
  expect([take('a'), take('a'), take('a')]).toEqual([true, true, false])
  clock.jump(clock.now() - 10_000)
  expect(take('a')).toBe(false)
})

test('a throttle remembers a bounded number of keys, those of late', () => {
  const throttle = new Throttle({ clock: new ManualClock(), burst: 1, perSecond: 0 })
  throttle.take('first')
  for (let i = 0; i < 9_999; i++) throttle.take(`${i}`)
  expect(throttle.allows('first')).toBe(false)
  throttle.take('one more')
  expect(throttle.allows('first')).toBe(true)
  expect(throttle.allows('1')).toBe(false)
})

test.each([
  ['/ip4/10.1.2.3/tcp/4', 'ip4 10.1.2.3'],
  ['/ip6/2001:db8:0:1:2:3:4:5/tcp/4', 'ip6 2001:db8:0:1'],
  ['/ip6/2001:DB8::5/tcp/4', 'ip6 2001:db8:0:0'],
  ['/ip6/2001:0db8:0000:01::/tcp/4', 'ip6 2001:db8:0:1'],
  ['/ip6/::1/tcp/4', 'ip6 0:0:0:0'],
  ['/ip6/::ffff:10.1.2.3/tcp/4', 'ip4 10.1.2.3'],
  ['/ip6/::ffff:a01:203/tcp/4', 'ip4 10.1.2.3'],
  ['/dns4/example.org/tcp/4', 'dns4 example.org'],
  ['', ' '],
])('limits bind on the prefix of %s', (address, prefix) => {
  expect(addressPrefix(address)).toBe(prefix)
})

test('a gate lets in what fits, in order, and always one', async () => {
  const gate = new Gate({ count: 2, bytes: 10 })
  const inside: number[] = []
  const enter = (bytes: number) => gate.enter(bytes).then(() => inside.push(bytes))
  void enter(50)
  void enter(1)
  void enter(2)
  void enter(3)
  await settle(1)
  expect(inside).toEqual([50])
  gate.leave(50)
  await settle(1)
  expect(inside).toEqual([50, 1, 2])
  gate.leave(1)
  await settle(1)
  expect(inside).toEqual([50, 1, 2, 3])
  let empty = false
  void gate.empty().then(() => (empty = true))
  gate.leave(2)
  await settle(1)
  expect(empty).toBe(false)
  gate.leave(3)
  await gate.empty()
})
