// What a backup is sealed by, and what opens it.

import { open } from 'node:fs/promises'
import type { AgeKey, AgeSeal } from '../net/platform/age-file.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { choosePassphrase, passphraseFromFile, readPassphrase } from './passphrase.ts'

const MAX_IDENTITY_FILE_BYTES = 64 * 1024

/** Public keys if there are any, else a passphrase, which is asked for twice when no file gives it. */
export async function readSeal(
  context: CliContext,
  recipients: readonly string[],
): Promise<AgeSeal> {
  if (recipients.length > 0) return { recipients }
  const passphrase = (await passphraseFromFile(context)) ?? (await choosePassphrase(context))
  if (passphrase !== '') return { passphrase }
  throw new SottoError('INVALID_ARGUMENT', 'a backup is always sealed', {
    hint: 'give --passphrase-file FILE or --recipient KEY',
  })
}

/** The keys of an identity file if there is one, else a passphrase. */
export async function readKey(context: CliContext, path: string | undefined): Promise<AgeKey> {
  if (path === undefined) return { passphrase: await readPassphrase(context) }
  const lines = (await readText(path)).split(/\r?\n/).map((line) => line.trim())
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (identities.length > 0) return { identities }
  throw new SottoError('INVALID_ARGUMENT', 'the --identity file holds no key')
}

async function readText(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const room = new Uint8Array(MAX_IDENTITY_FILE_BYTES)
      const { bytesRead, buffer } = await file.read(room, 0, room.length)
      return new TextDecoder().decode(buffer.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new SottoError('INVALID_ARGUMENT', `the --identity file cannot be read${reason}`, {
      cause,
    })
  }
}
