import { readFileSync } from 'node:fs'
import { format, resolveConfig } from 'prettier'
import { expect, test } from 'vitest'
import { replaceSection, section } from '../../bench/page.ts'
import { report, type Result } from '../../bench/report.ts'

const run = {
  command: 'npm run -s bench -- ratchet --rounds 5',
  date: '2026-11-22',
  rounds: 5,
  load: [0.5, 1.25] as const,
  notes: ['Beside olm 3.'],
}

function result(job: string, subject: string, value: number, min = value, max = value): Result {
  return { job, subject, value, unit: '1/s', min, max }
}

const results = [
  result('one-way-32B', 'sotto', 1234.5, 1000, 2000.4),
  result('one-way-32B', 'olm', 63),
  result('set-up', 'olm', 0.51234, 0.5, 0.6),
]

test('a section has a row for each job and a column for each subject', () => {
  const text = section(report('ratchet', results), run)
  expect(text).toContain('on 2026-11-22: median of 5 rounds')
  expect(text).toContain('load average 0.5 before, 1.3 after.\nBeside olm 3.\n')
  const rows = text.split('\n').filter((line) => line.startsWith('|'))
  const cells = rows.map((row) =>
    row
      .split('|')
      .map((cell) => cell.trim())
      .slice(1, -1),
  )
  expect(cells.slice(0, 4)).toEqual([
    ['job', 'unit', 'sotto', 'olm'],
    expect.anything(),
    ['`one-way-32B`', '1/s', '1235 (1000 to 2000)', '63'],
    ['`set-up`', '1/s', '', '0.512 (0.5 to 0.6)'],
  ])
  expect(cells).toContainEqual([
    '`one-way-32B`: sotto / olm',
    'at least 1.5',
    'at least 2.5',
    '19.6',
    'boast',
  ])
})

test('a section is formatted as the formatter would', async () => {
  const page = replaceSection(
    '# Title\n\n<!-- ratchet -->\n<!-- end of ratchet -->\n',
    'ratchet',
    section(report('ratchet', results), run),
  )
  const config = await resolveConfig(new URL('../../docs/benchmarks.md', import.meta.url))
  expect(await format(page, { ...config, parser: 'markdown' })).toBe(page)
})

test('a section takes the place of the one before, and of no other', () => {
  const page = 'a\n<!-- x -->\nold\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n'
  const once = replaceSection(page, 'x', 'new')
  expect(once).toBe('a\n<!-- x -->\n\nnew\n\n<!-- end of x -->\nb\n<!-- y -->\n<!-- end of y -->\n')
  expect(replaceSection(once, 'x', 'new')).toBe(once)
  expect(() => replaceSection(page, 'z', 'new')).toThrow('no place for z')
})

test('the page of results has a place for each benchmark', () => {
  const page = readFileSync(new URL('../../docs/benchmarks.md', import.meta.url), 'utf8')
  for (const name of ['ratchet', 'delivery', 'flood']) {
    expect(() => replaceSection(page, name, '')).not.toThrow()
  }
})
