/** Type-aware lint of the whole tree. Run by `npm run lint`; `--fix` is passed on. */
import { ensureTools, root, runTool, tools } from './tools.ts'

ensureTools()
process.exitCode = runTool(
  'oxlint',
  ['--type-aware', '--deny-warnings', ...process.argv.slice(2), '.'],
  root,
  { OXLINT_TSGOLINT_PATH: `${tools}/node_modules/.bin/tsgolint` },
)
