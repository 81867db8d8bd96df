import { chmod, lstat, mkdir } from 'node:fs/promises'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'

/** Longest path used for a socket: the kernel's limit is 104 bytes on macOS and 108 on Linux, with its terminator. */
export const MAX_SOCKET_PATH_BYTES = 100

/** For sockets: a folder only this user can enter; one that somebody else made under our name is refused. */
export async function privateRuntimeFolder(): Promise<string> {
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
