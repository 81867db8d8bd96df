import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LineSplitter, LineTooLongError } from '../../daemon/lines.ts'

const encoder = new TextEncoder()

test('lines come out whole, however the stream is cut', () => {
  const line = fc
    .string({ unit: 'grapheme' })
    .filter((text) => !/[\n\r]/.test(text) && text.trim() !== '')
  fc.assert(
    fc.property(fc.array(line), fc.integer({ min: 1, max: 7 }), (lines, size) => {
      const bytes = encoder.encode(lines.map((text) => `${text}\n`).join(''))
      const splitter = new LineSplitter()
      const read: string[] = []
      for (let at = 0; at < bytes.length; at += size) {
        read.push(...splitter.push(bytes.subarray(at, at + size)))
      }
      expect(read).toEqual(lines.map((text) => text.toWellFormed()))
    }),
  )
})

test('a line of exactly the limit passes, one byte more is refused, finished or not', () => {
  expect(new LineSplitter(4).push(encoder.encode('abcd\n'))).toEqual(['abcd'])
  expect(() => new LineSplitter(4).push(encoder.encode('abcde\n'))).toThrow(LineTooLongError)
  expect(() => new LineSplitter(4).push(encoder.encode('abcde'))).toThrow(LineTooLongError)
})
