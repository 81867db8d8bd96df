import { statSync } from 'node:fs'
import { defineConfig } from 'vitest/config'
import { BaseSequencer, type TestSpecification } from 'vitest/node'

/** It replaces libsodium, so it needs modules that nothing else has loaded. */
const APART = 'test/protocol/crypto-start.test.ts'

/** Whole conversations: they notice much, but slowly. */
const SLOW = /\/(?:begin-session|bytes|padding|ratchet|session)[\w-]*\.test\.ts$/

/** The first failure ends a run, so that quick files go first. */
class QuickFirst extends BaseSequencer {
  override sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    return Promise.resolve(files.toSorted((a, b) => cost(a) - cost(b)))
  }
}

function cost({ moduleId }: TestSpecification): number {
  return statSync(moduleId).size * (SLOW.test(moduleId) ? 1000 : 1)
}

/** The tests that each mutant runs against: `npm run mutate`. Modules are loaded once for all files of a run. */
export default defineConfig({
  test: {
    sequence: { sequencer: QuickFirst },
    projects: [
      {
        test: {
          name: 'together',
          include: ['test/protocol/**/*.test.ts'],
          exclude: [APART],
          isolate: false,
          testTimeout: 60_000,
        },
      },
      { test: { name: 'apart', include: [APART] } },
    ],
  },
})
