import fc from 'fast-check'
import { expect, test } from 'vitest'
import { safeJson, sanitizeLine, sanitizeText } from '../../cli/sanitize.ts'

test.each([
  ['colours', '\u001b[31mred\u001b[0m', '[31mred[0m'],
  ['a clipboard write', '\u001b]52;c;aGk=\u0007x', ']52;c;aGk=x'],
  ['8-bit control', 'a\u009b2Jb', 'a2Jb'],
  ['backspace and bell', 'a\u0008\u0007b', 'ab'],
  ['carriage return', 'good\rbad', 'good\nbad'],
  ['direction override', 'a\u202egnp.exe', 'agnp.exe'],
  ['zero width', 'pay\u200bpal', 'pay<U+200B>pal'],
  ['tag characters', '\u{e0041}', '<U+E0041>'],
  ['lone surrogate', '\ud800', '\ufffd'],
  ['emoji family', '👨‍👩‍👧', '👨‍👩‍👧'],
  ['tabs and lines', 'a\tb\nc', 'a\tb\nc'],
])('%s', (_, hostile, shown) => {
  expect(sanitizeText(hostile)).toBe(shown)
})

test('a right-to-left line is isolated, its neighbours are not', () => {
  expect(sanitizeText('a\nשלום\nb')).toBe('a\n\u2068שלום\u2069\nb')
})

test('4 000 combining marks become few', () => {
  expect(sanitizeText(`a${'\u0301'.repeat(4000)}b`)).toBe(`a${'\u0301'.repeat(8)}b`)
})

test('a name is one line of bounded length', () => {
  expect(sanitizeLine('a\r\n\tb\u2028c')).toBe('a b c')
  expect([...sanitizeLine('😀'.repeat(300), 20)]).toHaveLength(20)
})

const HARMFUL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066\u2067]/

test('whatever comes in, nothing a terminal obeys comes out', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
      expect(sanitizeText(text)).not.toMatch(HARMFUL)
      expect(sanitizeLine(text)).not.toMatch(/[\n\t]/)
    }),
  )
})

test('JSON is harmless and loses nothing', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      const written = safeJson({ text })
      expect(written).not.toMatch(HARMFUL)
      expect(JSON.parse(written)).toEqual({ text })
    }),
  )
})
