// Where a mailbox command finds its folder and its configuration.

import { readFile } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { DetailedError } from '../daemon/rpc-errors.ts'
import { ConfigError, MAX_CONFIG_BYTES, readConfig } from '../mailbox/config/read.ts'
import type { ReadConfig } from '../mailbox/config/read.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { mailboxHomeOf } from './profile.ts'

/** Of every command for operators. */
export interface ConfigFlags {
  readonly config?: string | undefined
}

/** The configuration with the folder it is about. */
export interface LoadedConfig extends ReadConfig {
  readonly dir: string
  /** Of the file, whether it is there or not. */
  readonly path: string
}

const FILE = 'mailbox.toml'

/** Reads it again, after the file has changed. `flags` are values by key that go before everything else. */
export async function loadConfig(
  context: CliContext,
  named: ConfigFlags,
  flags: Readonly<Record<string, unknown>> = {},
): Promise<LoadedConfig> {
  const { environment } = context
  const { path, isNamed } = configPath(context, named)
  const text = await readText(path, isNamed)
  try {
    const file = text === undefined ? undefined : { path, text }
    const read = readConfig({ file, environment, flags })
    return { ...read, path, dir: folderOf(context, read, path) }
  } catch (cause) {
    if (cause instanceof ConfigError) throw invalidConfig(cause.problems, cause)
    throw cause
  }
}

/** Where the file is, or would be. */
export function configPath(
  { environment, flags }: CliContext,
  { config }: ConfigFlags,
): { readonly path: string; readonly isNamed: boolean } {
  const given = config ?? (environment['SOTTO_CONFIG'] || undefined)
  const path = given === undefined ? join(mailboxHomeOf(flags), FILE) : resolve(given)
  return { path, isNamed: given !== undefined }
}

/** Flags with their keys and values, as values by key. Throws SottoError INVALID_ARGUMENT naming the flag. */
export function configOfFlags(
  given: readonly (readonly [flag: string, path: string, value: unknown])[],
): Readonly<Record<string, unknown>> {
  const values: Record<string, unknown> = {}
  for (const [flag, path, value] of given) {
    if (value === undefined) continue
    values[path] = value
    try {
      readConfig({ flags: { [path]: value } })
    } catch (cause) {
      if (!(cause instanceof ConfigError)) throw cause
      const [problem = ''] = cause.problems
      throw new SottoError('INVALID_ARGUMENT', problem.replace(path, flag), { cause })
    }
  }
  return values
}

/** SottoError CONFIG_INVALID that carries every problem. */
export function invalidConfig(problems: readonly string[], cause?: unknown): SottoError {
  const count = problems.length === 1 ? 'one problem' : `${problems.length} problems`
  return new DetailedError(
    'CONFIG_INVALID',
    `the configuration has ${count}`,
    { problems },
    { cause, hint: 'every key is in docs/configuration.md' },
  )
}

/** The folder that a flag names, else that of the configuration, else that of the user. */
function folderOf(context: CliContext, { config }: ReadConfig, path: string): string {
  const { data } = config.host
  if (context.flags.home !== undefined || data === '') return mailboxHomeOf(context.flags)
  return resolve(dirname(path), data)
}

/** A file that nobody has named need not be there. */
async function readText(path: string, isNamed: boolean): Promise<string | undefined> {
  try {
    const text = await readFile(path, 'utf8')
    return text.slice(0, MAX_CONFIG_BYTES + 1)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown'
    if (code === 'ENOENT' && !isNamed) return undefined
    throw invalidConfig([`${path}: it cannot be read (${code})`], cause)
  }
}
