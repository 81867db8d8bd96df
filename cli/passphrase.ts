// Where a passphrase may come from: a file, stdin or a hidden question; never argv, never an environment value.

import { open } from 'node:fs/promises'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'

const MAX_BYTES = 4096

/** The passphrase of an existing identity. Throws SottoError INVALID_ARGUMENT when nobody can be asked. */
export async function readPassphrase(context: CliContext): Promise<string> {
  const given = await passphraseFromFile(context)
  if (given !== undefined) return given
  return context.input.askHidden('Passphrase: ', '--passphrase-file', context.signal)
}

/** A new passphrase, asked twice. An empty answer means none. */
export async function choosePassphrase(context: CliContext): Promise<string> {
  const { input, signal } = context
  const flag = '--passphrase-file FILE or --keys none'
  const first = await input.askHidden(
    'Passphrase to protect the keys (empty for none): ',
    flag,
    signal,
  )
  const second = first === '' ? '' : await input.askHidden('Once more: ', flag, signal)
  if (first === second) return first
  throw new SottoError('INVALID_ARGUMENT', 'the two passphrases differ', { hint: 'try again' })
}

/** What --passphrase-file names, its first line; undefined without the flag. */
export async function passphraseFromFile(context: CliContext): Promise<string | undefined> {
  const path = context.flags.passphraseFile
  return path === undefined ? undefined : passphraseIn(context, path)
}

/** The first line of a file; `-` is stdin. Throws SottoError INVALID_ARGUMENT. */
export async function passphraseIn(context: CliContext, path: string): Promise<string> {
  const text =
    path === '-' ? await context.input.readAll('the passphrase', MAX_BYTES) : await read(path)
  const [passphrase = ''] = text.split(/\r?\n/, 1)
  if (passphrase === '') throw new SottoError('INVALID_ARGUMENT', 'the passphrase file is empty')
  return passphrase
}

/** At most the limit is read, whatever the file is. */
async function read(path: string): Promise<string> {
  try {
    const file = await open(path)
    try {
      const { bytesRead, buffer } = await file.read(new Uint8Array(MAX_BYTES), 0, MAX_BYTES)
      return new TextDecoder().decode(buffer.subarray(0, bytesRead))
    } finally {
      await file.close()
    }
  } catch (cause) {
    const reason = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new SottoError('INVALID_ARGUMENT', `the passphrase file cannot be read${reason}`, {
      cause,
    })
  }
}
