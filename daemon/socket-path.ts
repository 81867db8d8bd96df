import { createHash } from 'node:crypto'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { MAX_SOCKET_PATH_BYTES, privateRuntimeFolder } from '../net/platform/runtime-folder.ts'

export { MAX_SOCKET_PATH_BYTES } from '../net/platform/runtime-folder.ts'

/** Where the socket of a home folder is looked for: `run/where` names it, else it is `run/sock`. */
export async function findSocket(home: string): Promise<string> {
  const usual = usualSocket(home)
  if (fits(usual)) return usual
  try {
    const where = (await readFile(join(home, 'run', 'where'), 'utf8')).trim()
    return where === '' ? usual : where
  } catch {
    // Nobody has listened for this folder yet: the caller finds out when connecting.
    return usual
  }
}

/**
 * Prepares the folder of the socket (0700) and returns its path. Where `run/sock` would be too long for the kernel, the socket
 * gets a short name in the runtime folder of the user, and `run/where` says which.
 */
export async function prepareSocket(home: string): Promise<string> {
  const run = join(home, 'run')
  await mkdir(run, { recursive: true, mode: 0o700 })
  await chmod(run, 0o700)
  const usual = usualSocket(home)
  if (fits(usual)) {
    await rm(join(run, 'where'), { force: true })
    return usual
  }
  const short = join(await privateRuntimeFolder(), `${shortName(home)}.sock`)
  await writeFile(join(run, 'where'), `${short}\n`, { mode: 0o600 })
  return short
}

function usualSocket(home: string): string {
  return join(resolve(home), 'run', 'sock')
}

function fits(path: string): boolean {
  return new TextEncoder().encode(path).byteLength <= MAX_SOCKET_PATH_BYTES
}

function shortName(home: string): string {
  return createHash('sha256').update(resolve(home)).digest('hex').slice(0, 24)
}
