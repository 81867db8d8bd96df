import { open, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/**
 * Replaces a file so that after a crash there is either the old or the new content, whole: writes beside it, syncs, renames,
 * syncs the folder. Mode 0600.
 */
export async function writeDurably(path: string, bytes: Uint8Array): Promise<void> {
  const fresh = `${path}.new`
  try {
    await rm(fresh, { force: true }) // left by a crash, perhaps with another mode
    await writeSynced(fresh, bytes)
    await rename(fresh, path)
  } catch (cause) {
    await rm(fresh, { force: true }).catch(() => undefined) // the first error tells more
    throw cause
  }
  await syncFolder(dirname(path))
}

/** Writes a file that is not there yet, mode 0600, and syncs it. */
export async function writeSynced(path: string, bytes: Uint8Array): Promise<void> {
  const file = await open(path, 'wx', 0o600)
  try {
    await file.writeFile(bytes)
    await file.sync()
  } finally {
    await file.close()
  }
}

/** Makes names in a folder durable: new files, renames. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return // folders cannot be opened there, renames are journalled
  const folder = await open(path, 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}
