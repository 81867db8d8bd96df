/**
 * A file with a key, outside of the folder that it opens: on a stick, or where a service manager puts secrets.
 *
 *   "sotto key 1\n" ‖ 64 hex digits ‖ "\n"
 */
import { open, realpath } from 'node:fs/promises'
import { dirname, join, basename, resolve, sep } from 'node:path'
import { utf8 } from '../../protocol/bytes.ts'
import { generateSecret } from '../../protocol/crypto.ts'
import { syncFolder, writeSynced } from './durable-file.ts'
import { HomeError, systemCode } from './home-error.ts'
import { fileKeyFromHex, fileKeyHex } from './identity-codec.ts'
import { platformRandom } from './random.ts'
import type { Secret } from '../../protocol/secret.ts'

const FIRST_LINE = 'sotto key 1\n'
const MAX_BYTES = 256

/**
 * The key in the file; the caller wipes it. Throws `HomeError`: ERR_NO_KEY_FILE when there is none, ERR_BAD_KEY when it holds no key,
 * ERR_KEY_EXPOSED when anybody may read it.
 */
export async function readKeyFile(path: string): Promise<Secret<'FileKey'>> {
  const text = await readText(path)
  if (!text.startsWith(FIRST_LINE)) throw new HomeError('ERR_BAD_KEY')
  return fileKeyFromHex(text.slice(FIRST_LINE.length))
}

/** The key in the file, which is made where there is none, mode 0600. Throws as `readKeyFile`, and as the disk fails. */
export async function ensureKeyFile(path: string): Promise<Secret<'FileKey'>> {
  try {
    return await readKeyFile(path)
  } catch (cause) {
    if (!(cause instanceof HomeError) || cause.code !== 'ERR_NO_KEY_FILE') throw cause
  }
  const key = generateSecret('FileKey', 32, platformRandom)
  await writeSynced(path, utf8(`${FIRST_LINE}${fileKeyHex(key)}\n`))
  await syncFolder(dirname(resolve(path)))
  return key
}

/** Throws `HomeError` ERR_KEY_EXPOSED when the file is, or would be, in the folder: whoever copies that would have both. */
export async function mustBeOutside(path: string, dir: string): Promise<void> {
  const folder = await realpath(dir).catch(() => resolve(dir))
  const above = await realpath(dirname(resolve(path))).catch(() => dirname(resolve(path)))
  const file = await realpath(path).catch(() => join(above, basename(path)))
  if (file.startsWith(folder + sep)) throw new HomeError('ERR_KEY_EXPOSED')
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path, 'r')
    try {
      const { mode } = await file.stat()
      if (process.platform !== 'win32' && (mode & 0o007) !== 0) {
        throw new HomeError('ERR_KEY_EXPOSED')
      }
      const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_BYTES), { position: 0 })
      return new TextDecoder().decode(buffer.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') throw new HomeError('ERR_NO_KEY_FILE', { cause })
    throw cause
  }
}
