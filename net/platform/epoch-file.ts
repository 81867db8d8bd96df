/** The file `epoch.sealed` of a folder: the keys of records that must die, sealed under the data key. */
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { writeDurably } from './durable-file.ts'
import { systemCode } from './home-error.ts'
import type { FileHandle } from 'node:fs/promises'
import type { EpochFile } from '../epoch-keys.ts'

export function epochFile(dir: string): EpochFile {
  const path = join(dir, 'epoch.sealed')
  return {
    read: async () => {
      const found = await readFile(path).catch(missing)
      return found && new Uint8Array(found)
    },
    replace: async (bytes) => {
      const old = await open(path, 'r+').catch(missing)
      try {
        await writeDurably(path, bytes)
        if (old !== undefined) await overwrite(old)
      } finally {
        await old?.close()
      }
    },
  }
}

/** One for a store in memory. */
export function memoryEpochFile(): EpochFile {
  let content: Uint8Array | undefined
  return {
    read: () => Promise.resolve(content),
    replace: (bytes) => {
      content = bytes
      return Promise.resolve()
    },
  }
}

/** The file has no name any more. Where the disk writes in place, this is the end of what was in it. */
async function overwrite(old: FileHandle): Promise<void> {
  const { size } = await old.stat()
  await old.write(new Uint8Array(size), 0, size, 0)
  await old.sync()
}

function missing(cause: unknown): undefined {
  if (systemCode(cause) !== 'ENOENT') throw cause
}
