// What `backup create`, `verify` and `restore` do, of a node and of a mailbox alike.

import { resolve } from 'node:path'
import type { AgeKey, AgeSeal } from '../net/platform/age-file.ts'
import { SottoError } from '../node/errors.ts'
import { readKey, readSeal } from './backup-key.ts'
import type { CliContext } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { readPassphrase } from './passphrase.ts'
import { renderFailure } from './render.ts'
import type { Style } from './render.ts'

export interface BackupCreateFlags {
  readonly recipient?: readonly string[] | undefined
}

export interface BackupKeyFlags {
  readonly identity?: string | undefined
}

export interface BackupRestoreFlags extends BackupKeyFlags {
  readonly dir?: string | undefined
}

/** What is in a backup, whatever it is of. */
export interface Summary {
  /** Unix ms. */
  readonly createdAt: number
  readonly damaged: number
}

/** Functions of the library for one kind of backup. They reject with SottoError only. */
export interface BackupSubject<Of extends Summary> {
  readonly create: (options: {
    readonly dir: string
    readonly file: string
    readonly seal: AgeSeal
    readonly unlock: () => Promise<string>
    readonly keyFile: string | undefined
    readonly signal: AbortSignal
  }) => Promise<Of>
  readonly verify: (options: Reading) => Promise<Of>
  readonly restore: (
    options: Reading & { readonly dir: string; readonly passphrase: () => Promise<string> },
  ) => Promise<Of & { readonly restoredAt: number }>
  /** One line. */
  readonly line: (summary: Of, style: Style) => string
}

interface Reading {
  readonly file: string
  readonly key: AgeKey
  readonly signal: AbortSignal
}

/** Makes a backup of `dir`. */
export async function create<Of extends Summary>(
  context: CliContext,
  subject: BackupSubject<Of>,
  { dir, argument, flags }: { dir: string; argument: string; flags: BackupCreateFlags },
): Promise<void> {
  const { output, interrupted: signal } = context
  const file = resolve(argument)
  const seal = await readSeal(context, flags.recipient ?? [])
  // One passphrase for both, so that none is asked for when a timer runs this.
  const unlock = async (): Promise<string> =>
    'passphrase' in seal && context.flags.passphraseFile !== undefined
      ? seal.passphrase
      : readPassphrase(context)
  const { keyFile } = context.flags
  const summary = await interruptible(
    signal,
    subject.create({ dir, file, seal, unlock, keyFile, signal }),
  )
  await output.result({ file, ...summary }, subject.line(summary, output.style))
  if (summary.damaged === 0) return
  output.talk(`${summary.damaged} records of the store are damaged and not in the backup`)
}

/** Reads all of a backup. Exit code 13 for one that is damaged. */
export async function verify<Of extends Summary>(
  context: CliContext,
  subject: BackupSubject<Of>,
  { argument, flags }: { readonly argument: string; readonly flags: BackupKeyFlags },
): Promise<number> {
  const { output, interrupted: signal } = context
  const file = resolve(argument)
  const key = await readKey(context, flags.identity)
  try {
    const summary = await interruptible(signal, subject.verify({ file, key, signal }))
    await output.result({ file, sound: true, ...summary }, subject.line(summary, output.style))
    return EXIT.ok
  } catch (problem) {
    if (!SottoError.is(problem, 'STORE_DAMAGED')) throw problem
    const { message } = problem
    const line = `${renderFailure(output.style)} ${message}`
    await output.result({ file, sound: false, problem: message }, line)
    return EXIT.checkFailed
  }
}

/** Makes a folder out of a backup: `home` unless the flags name another. Resolves to the folder, and when the backup was made. */
export async function restore<Of extends Summary>(
  context: CliContext,
  subject: BackupSubject<Of>,
  { home, argument, flags }: { home: string; argument: string; flags: BackupRestoreFlags },
): Promise<{ readonly dir: string; readonly createdAt: number }> {
  const { output, interrupted: signal } = context
  const file = resolve(argument)
  const dir = flags.dir === undefined ? home : resolve(flags.dir)
  const key = await readKey(context, flags.identity)
  const passphrase = async (): Promise<string> =>
    'passphrase' in key ? key.passphrase : readPassphrase(context)
  const restored = subject.restore({ file, key, dir, passphrase, signal })
  const summary = await interruptible(signal, restored)
  await output.result({ file, home: dir, ...summary }, subject.line(summary, output.style))
  return { dir, createdAt: summary.createdAt }
}

/** What was interrupted rejects with the reason for that, whatever became of it. */
async function interruptible<T>(signal: AbortSignal, task: Promise<T>): Promise<T> {
  try {
    return await task
  } catch (cause) {
    signal.throwIfAborted()
    throw cause
  }
}
