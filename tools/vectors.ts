/**
 * Writes sotto's own vectors to `test/vectors`. Run by `npm run vectors`; a test compares. Bytes that are there already are
 * frozen: the git diff of a good change only adds.
 */
import { writeFileSync } from 'node:fs'
import { ready } from '../protocol/crypto.ts'
import { vectorFiles, vectorText } from '../test/make-vectors/index.ts'
import { root } from './tools.ts'

await ready
for (const file of vectorFiles) writeFileSync(`${root}test/vectors/${file}`, vectorText(file))
