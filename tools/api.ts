/** Writes the exported names of the entry points to `test/api.txt`. Run by `npm run api`; a test compares. */
import { writeFileSync } from 'node:fs'
import { describeApi } from '../test/support/exported-names.ts'
import { root } from './tools.ts'

writeFileSync(`${root}test/api.txt`, describeApi())
