// The faults that the simulator has to notice fit the sources as they are: a change of these must not leave one without effect.
import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { MUTANTS } from '../../tools/sim-mutants.ts'

test.each(MUTANTS.map((mutant) => [mutant.name, mutant] as const))(
  '%s',
  (_, { file, instead, put }) => {
    const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8')
    expect(source.split(instead)).toHaveLength(2)
    expect(put).not.toBe(instead)
  },
)

test('there are enough of them, and none has the name of another', () => {
  expect(new Set(MUTANTS.map(({ name }) => name)).size).toBe(MUTANTS.length)
  expect(MUTANTS.length).toBeGreaterThanOrEqual(10)
})
