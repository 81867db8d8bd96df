import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { format, resolveConfig } from 'prettier'
import { expect, test } from 'vitest'
import {
  type FileResult,
  groupNames,
  groupOf,
  groups,
  page,
  type Results,
  score,
  type Survivor,
  withArguments,
} from '../../tools/mutation-results.ts'

const root = join(import.meta.dirname, '../..')
const results = JSON.parse(
  readFileSync(join(root, 'tools/mutation/results.json'), 'utf8'),
) as Results

const result = (killed: number, timedOut: number, ...survivors: Survivor[]): FileResult => ({
  source: 'hash',
  date: '2026-11-22',
  killed,
  timedOut,
  survivors,
})

test.for([
  ['crypto', 'crypto.ts'],
  ['crypto', 'public-keys.ts'],
  ['codec', 'session-codec.ts'],
  ['codec', 'post-quantum-codec.ts'],
  ['ratchet', 'post-quantum.ts'],
  ['ratchet', 'post-quantum-receive.ts'],
  ['ratchet', 'ratchet-turn.ts'],
  ['handshake', 'session.ts'],
  ['handshake', 'sessions.ts'],
  ['records', 'bundle.ts'],
] as const)('%s has %s', ([group, name]) => {
  expect(groupOf(`protocol/${name}`)).toBe(group)
})

test('a fault that runs for ever is noticed; no faults are all noticed', () => {
  expect(score([])).toBe(100)
  expect(score([result(2, 1, { from: 'a', to: 'b' }), result(4, 0)])).toBe(87.5)
})

test('a survivor keeps its argument while it is the same', () => {
  const earlier = result(1, 0, { from: 'a', to: 'b', why: 'equal' }, { from: 'c', to: 'd' })
  const now = result(1, 0, { from: 'a', to: 'b' }, { from: 'a', to: 'c' }, { from: 'c', to: 'd' })
  expect(withArguments(now, earlier).survivors).toEqual([
    { from: 'a', to: 'b', why: 'equal' },
    { from: 'a', to: 'c' },
    { from: 'c', to: 'd' },
  ])
  expect(withArguments(now, undefined)).toEqual(now)
})

test('the page counts by group and names what was not argued', () => {
  const text = page({
    'protocol/reader.ts': result(3, 0, { from: 'a', to: 'b', why: 'Equal.' }),
    'protocol/chain.ts': result(1, 0, { from: 'c', to: 'd' }),
  })
  expect(text).toContain('| codec | 4 | 3 | 0 | 1 | 75.0 | 95 |')
  expect(text).toContain('| all | 6 | 4 | 0 | 2 | 66.7 | 85 |')
  expect(text).toContain('### `protocol/reader.ts`\n\nEqual.\n\n- ``a``\n  ``b``')
  expect(text).toContain('### `protocol/chain.ts`\n\n**Not argued yet:**')
})

test.for(groupNames)('enough faults of %s are noticed', (group) => {
  const own = Object.entries(results).filter(([path]) => groupOf(path) === group)
  expect(score(own.map(([, file]) => file))).toBeGreaterThanOrEqual(groups[group].least)
})

test('every survivor is argued', () => {
  const open = Object.values(results).flatMap(({ survivors }) => survivors)
  expect(open.filter(({ why = '' }) => why === '')).toEqual([])
})

test('docs/mutation.md shows the results', async () => {
  const path = join(root, 'docs/mutation.md')
  const options = await resolveConfig(path)
  const shown = await format(page(results), { ...options, filepath: path })
  expect(readFileSync(path, 'utf8')).toBe(shown)
})
