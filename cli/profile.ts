import { access } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import envPaths from 'env-paths'
import { SottoError } from '../node/errors.ts'
import type { CommonFlags } from './common-flags.ts'

const IDENTITY_FILE = 'identity.sealed'

/** The folder of the identity a command is about: --home, else the profile in the user's data folder. */
export function homeOf(flags: CommonFlags): string {
  return flags.home === undefined ? join(dataFolder(), flags.profile) : resolve(flags.home)
}

/** Where a mailbox keeps its store when no folder is named. */
export function mailboxHomeOf(flags: CommonFlags): string {
  return flags.home === undefined ? join(dataFolder(), 'mailbox') : resolve(flags.home)
}

/** Whether the folder has an identity. Asked without the library, as most commands only need a socket. */
export async function profileExists(home: string): Promise<boolean> {
  try {
    await access(join(home, IDENTITY_FILE))
    return true
  } catch {
    // Absent or not to be entered: for a command the same, it has no identity to work with.
    return false
  }
}

/** Throws SottoError PROFILE_NOT_FOUND unless the folder has an identity. */
export async function requireProfile(flags: CommonFlags): Promise<string> {
  const home = homeOf(flags)
  if (await profileExists(home)) return home
  throw new SottoError('PROFILE_NOT_FOUND', `there is no identity in ${home}`, {
    hint: `create one: ${commandFor(flags, 'init')}`,
  })
}

/** A command line for a person to copy, with the flags that choose the same identity. */
export function commandFor(flags: CommonFlags, command: string): string {
  if (flags.home !== undefined) return `sotto --home ${quoted(flags.home)} ${command}`
  return flags.profile === 'default' ? `sotto ${command}` : `sotto -P ${flags.profile} ${command}`
}

/** As a shell reads it back. */
function quoted(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`
}

function dataFolder(): string {
  return envPaths('sotto', { suffix: '' }).data
}
