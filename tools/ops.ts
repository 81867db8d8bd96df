/** Makes the files under ops/ that are described in tools/ops: `npm run ops`. */
import { writeFileSync } from 'node:fs'
import { opsFiles } from './ops/files.ts'
import { root } from './tools.ts'

for (const [path, text] of Object.entries(opsFiles())) writeFileSync(`${root}${path}`, text)
