/** All of sotto's own vectors as the text of their files. libsodium must be ready. */
import { contentVectors, linkVectors, paddingVectors, safetyVectors } from './formats.ts'
import { handshakeVectors } from './handshake.ts'
import { recordVectors } from './records.ts'
import { refusedVectors } from './refused.ts'
import { sessionVectors } from './sessions.ts'
import { ratchetVectors, storedVectors } from './stories.ts'

const MAKERS = {
  'content.json': contentVectors,
  'handshake.json': handshakeVectors,
  'links.json': linkVectors,
  'padding.json': paddingVectors,
  'ratchet.json': ratchetVectors,
  'records.json': recordVectors,
  'refused.json': refusedVectors,
  'safety-numbers.json': safetyVectors,
  'sessions.json': sessionVectors,
  'stored-sessions.json': storedVectors,
}

export type VectorFile = keyof typeof MAKERS

/** What a file holds, once its text is read. */
export type Vectors<File extends VectorFile> = ReturnType<(typeof MAKERS)[File]>

export const vectorFiles = Object.keys(MAKERS) as readonly VectorFile[]

/** The text of a file: the same each time, for ever. */
export function vectorText(file: VectorFile): string {
  return `${JSON.stringify(MAKERS[file](), undefined, 2)}\n`
}
