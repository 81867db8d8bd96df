import { decodeQR } from 'qr/decode.js'
import { expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../cli/duration.ts'
import { renderQr } from '../../cli/qr.ts'
import {
  groupDigits,
  renderBytes,
  renderState,
  renderTable,
  renderTrust,
} from '../../cli/render.ts'

const plain = { colour: false, ascii: false }
const ascii = { colour: false, ascii: true }

test('every state has a glyph, an ASCII form and a word', () => {
  expect(renderState('queued', plain)).toBe('· queued')
  expect(renderState('stored', plain)).toBe('↑ in mailbox')
  expect(renderState('delivered', ascii)).toBe('v delivered')
  expect(renderState('read', ascii)).toBe('vv read')
  expect(renderState('failed', ascii, 'key_changed')).toBe('! failed: key_changed')
  expect(renderTrust('unverified', plain)).toBe('unverified ◇')
  expect(renderTrust('verified', ascii)).toBe('verified *')
  expect(renderTrust('changed', plain)).toBe('changed ▲')
})

test('colour is added to the glyph, never instead of it', () => {
  expect(renderState('delivered', { colour: true, ascii: false })).toMatch(
    /\u001b\[\d+m✓\u001b\[\d+m delivered/,
  )
})

test('a table aligns and sanitizes', () => {
  expect(
    renderTable([
      ['NAME', 'X'],
      ['b\u001bob', '1'],
    ]),
  ).toBe('NAME  X\nbob   1')
})

test('digits stand in groups', () => {
  expect(groupDigits('1'.repeat(25))).toEqual(['11111 11111 11111 11111', '11111'])
})

test.each([
  [0, '0 B'],
  [1023, '1023 B'],
  [1536, '1.5 KiB'],
  [52_428_800, '50.0 MiB'],
])('%i bytes are %s', (bytes, text) => expect(renderBytes(bytes)).toBe(text))

test.each([
  [84, '84 ms'],
  [42_000, '42 s'],
  [240_000, '4 min'],
  [3 * 86_400_000 + 4 * 3_600_000, '3 d 4 h'],
])('%i ms are %s', (ms, text) => expect(formatDuration(ms)).toBe(text))

test.each([
  ['500ms', 500],
  ['90s', 90_000],
  ['1.5h', 5_400_000],
  ['7d', 604_800_000],
  ['5', undefined],
  ['-5s', undefined],
  ['400d', undefined],
  ['s', undefined],
])('duration %s', (text, ms) => expect(parseDuration(text)).toBe(ms))

/** A link as long as a contact link gets. */
const LINK = `SOTTO:C/1/${'K7Q2M4R6XA'.repeat(16)}ABCDEF`

test('the QR code of the longest link fits 80 × 24 and is painted black on white', () => {
  const rows = renderQr(LINK, { colour: true }).split('\n')
  expect(rows.length).toBeLessThanOrEqual(23)
  for (const row of rows) expect(row).toMatch(/^\u001b\[30;47m[ ▀▄█]{1,80}\u001b\[0m$/)
})

test.each([true, false])('what is drawn can be scanned (colour: %s)', (colour) => {
  expect(decodeQR(bitmap(renderQr(LINK, { colour }), colour))).toBe(LINK)
})

/** The picture a camera would see: four pixels per module. */
function bitmap(
  drawn: string,
  colour: boolean,
): { width: number; height: number; data: Uint8Array } {
  const rows = drawn.replaceAll(/\u001b\[[\d;]*m/g, '').split('\n')
  const modules = rows.flatMap((row) => [
    [...row].map((cell) => (cell === '█' || cell === '▀') === colour),
    [...row].map((cell) => (cell === '█' || cell === '▄') === colour),
  ])
  const [scale, quiet] = [4, 4]
  const size = (modules[0]?.length ?? 0) + 2 * quiet
  const width = size * scale
  const height = (modules.length + 2 * quiet) * scale
  const data = new Uint8Array(width * height * 4).fill(255)
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const dark = modules[Math.floor(y / scale) - quiet]?.[Math.floor(x / scale) - quiet] === true
      if (dark) data.fill(0, (y * width + x) * 4, (y * width + x) * 4 + 3)
    }
  }
  return { width, height, data }
}
