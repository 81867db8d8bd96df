import type { StoreProblem } from '../node/api.ts'

/** Why the store of a node cannot be written, in words. */
export const STORE_WORDS: Readonly<Record<StoreProblem, string>> = {
  full: 'the disk is full',
  'read-only': 'the folder is read-only',
  'too-many-files': 'too many files are open',
  failing: 'the disk fails',
}
