import { expect } from 'vitest'
import { outcome } from './refusals.ts'

/** Where in a byte string: from the first up to, and without, the second. */
export type ByteRange = readonly [from: number, to: number]

/**
 * Flips every bit of a range, each one alone, and expects the refusal, as `DecodeError ERR_…`; `accepted` where it is read. What
 * was not as expected is named together, with its bits.
 */
export function expectEachFlip(
  bytes: Uint8Array,
  read: (changed: Uint8Array) => unknown,
  expected: RegExp,
  range: ByteRange = [0, bytes.length],
): void {
  const wrong: string[] = []
  eachFlip(bytes, range, (changed, bit) => {
    const verdict = outcome(() => {
      read(changed)
      return 'accepted'
    })
    if (!expected.test(verdict)) wrong.push(`bit ${bit}: ${verdict}`)
  })
  expect(wrong).toEqual([])
}

/** Every bit of a range, flipped alone. In a browser every seventh: what is slow there is the same code on the same bytes. */
export function eachFlip(
  bytes: Uint8Array,
  [from, to]: ByteRange,
  run: (changed: Uint8Array, bit: number) => void,
): void {
  const step = 'document' in globalThis ? 7 : 1
  for (let bit = from * 8; bit < to * 8; bit += step) {
    const changed = bytes.slice()
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    run(changed, bit)
  }
}
