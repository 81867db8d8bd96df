import { defineConfig } from 'vitest/config'

/** Where `npm run verify` wants the counts as JSON. */
const report = process.env['SOTTO_TEST_REPORT']

/** The published package, apart from the other tests because it installs things: `npm run test:package`. */
export default defineConfig({
  test: {
    name: 'package',
    include: ['tools/package.test.ts'],
    testTimeout: 180_000,
    hookTimeout: 180_000,
    reporters: report === undefined ? ['default'] : ['default', ['json', { outputFile: report }]],
  },
})
