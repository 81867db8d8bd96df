/** Files that say how far the store beside them had come. */
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './durable-file.ts'
import { systemCode } from './home-error.ts'
import type { WitnessFile } from '../witness.ts'

/** The file `witness` of a folder. */
export function witnessFile(dir: string): WitnessFile {
  return durableWitness(join(dir, 'witness'))
}

/** The file `witness.last` of a folder: written after every batch, in place, when the system likes to. */
export function lastWitnessFile(dir: string): WitnessFile {
  const path = join(dir, 'witness.last')
  return {
    isLoose: true,
    read: () => contentOf(path),
    write: async (bytes) => {
      try {
        await writeFile(path, bytes, { flag: 'r+' })
      } catch (cause) {
        if (systemCode(cause) !== 'ENOENT') throw cause
        await writeFile(path, bytes, { mode: 0o600 })
      }
    },
  }
}

/** One at a path. */
export function durableWitness(path: string): WitnessFile {
  return { read: () => contentOf(path), write: (bytes) => writeDurably(path, bytes) }
}

async function contentOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return new Uint8Array(await readFile(path))
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined
    throw cause
  }
}
