import { createHash } from 'node:crypto'
import { chmod, lstat, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join, resolve } from 'node:path'

/** Longest path used for a socket: the kernel's limit is 104 bytes on macOS and 108 on Linux, with its terminator. */
export const MAX_SOCKET_PATH_BYTES = 100

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

/** A folder only this user can enter; one that somebody else made under our name is refused. */
async function privateRuntimeFolder(): Promise<string> {
  const runtime = process.env['XDG_RUNTIME_DIR']
  const folder =
    runtime === undefined || runtime === ''
      ? join(tmpdir(), `sotto-${userInfo().uid}`)
      : join(runtime, 'sotto')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== userInfo().uid) {
    throw new Error(`${folder} belongs to somebody else`)
  }
  await chmod(folder, 0o700)
  return folder
}
