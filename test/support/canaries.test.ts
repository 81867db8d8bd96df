// The search itself: whatever form a planted leak has, it is found.
import { expect, test } from 'vitest'
import { toBase32 } from '../../protocol/base32.ts'
import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { seededRandom } from './random.ts'
import { asText, canariesIn, rawIn, shown, textCanaries, type Canary } from './canaries.ts'

const random = seededRandom('canaries')
const secret: Canary = { name: 'secret', bytes: random(32) }
const before = random(7)
const wrapped = concat(before, secret.bytes, random(5))
const base64 = (bytes: Uint8Array): string => btoa(String.fromCharCode(...bytes))

const leaks: readonly (readonly [string, string])[] = [
  ['bytes', asText(wrapped)],
  ['hex', `key=${toHex(wrapped)}`],
  ['hex', toHex(wrapped).toUpperCase().replaceAll(/(..)/g, '$1:')],
  ['numbers', `[${[...secret.bytes].join(', ')}]`],
  ['numbers', JSON.stringify([...wrapped])],
  ['fields', JSON.stringify(secret.bytes)],
  ['base64', base64(wrapped)],
  ['base64', base64(wrapped.subarray(1))],
  ['base64', base64(wrapped.subarray(2))],
  ['base64url', base64(secret.bytes).replaceAll('+', '-').replaceAll('/', '_')],
  ...[0, 1, 2, 3, 4].map((at) => ['base32', toBase32(wrapped.subarray(at))] as const),
  ['base32', toBase32(secret.bytes).toLowerCase()],
  [
    'numbers',
    shown(new Error('no', { cause: new Error('why', { cause: { key: secret.bytes } }) })),
  ],
  ['numbers', shown(Object.assign(new Error('no'), { key: [...secret.bytes] }))],
  ['hex', shown(new AggregateError([new Error(toHex(secret.bytes))]))],
  [
    'numbers',
    shown({
      get hidden() {
        return 1
      },
      key: secret.bytes.slice(),
    }),
  ],
]

test.each(leaks)('a leak as %s is found', (form, text) => {
  expect(canariesIn(text, [secret])).toContain(`secret as ${form}`)
})

test('so is a part of a secret, at either end', () => {
  for (const part of [secret.bytes.subarray(0, 13), secret.bytes.subarray(19)]) {
    expect(canariesIn(toHex(part), [secret])).toEqual(['secret as hex'])
    expect(rawIn(asText(concat(before, part)), [secret])).toEqual(['secret as bytes'])
  }
})

test('a text is found in either coding', () => {
  const canaries = textCanaries('text', 'the cat is in the bag')
  expect(canariesIn('he said: the cat is in the bag.', canaries)).toEqual(['text as bytes'])
  expect(canariesIn(toHex(utf8('the cat is in the bag')), canaries)).toEqual(['text as hex'])
  const wide = asText(
    Uint8Array.from([...'the cat is in the bag'].flatMap((c) => [c.charCodeAt(0), 0])),
  )
  expect(canariesIn(wide, canaries)).toEqual(['text (utf-16) as bytes'])
})

test('what is not there is not found', () => {
  const other = random(4096)
  const texts = [asText(other), toHex(other), base64(other), toBase32(other), shown({ other })]
  for (const text of texts) {
    expect(canariesIn(text, [secret])).toEqual([])
    expect(rawIn(text, [secret])).toEqual([])
  }
})
