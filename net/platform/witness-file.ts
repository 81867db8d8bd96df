/** The file `witness` of a folder: how far the store beside it had come. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './durable-file.ts'
import { systemCode } from './home-error.ts'
import type { WitnessFile } from '../witness.ts'

export function witnessFile(dir: string): WitnessFile {
  const path = join(dir, 'witness')
  return {
    read: async () => {
      try {
        return new Uint8Array(await readFile(path))
      } catch (cause) {
        if (systemCode(cause) === 'ENOENT') return undefined
        throw cause
      }
    },
    write: (bytes) => writeDurably(path, bytes),
  }
}
