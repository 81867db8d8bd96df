import type { KeyProtection } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { chooseKeys, KEY_WORDS } from './key-choice.ts'
import { passphraseIn, readPassphrase } from './passphrase.ts'
import { requireProfile } from './profile.ts'
import { renderDone } from './render.ts'

export interface NodeKeysFlags {
  readonly keys?: KeyProtection | undefined
  readonly newPassphraseFile?: string | undefined
  readonly newKeyFile?: string | undefined
}

/** `sotto node keys`: what protects the keys on the disk; with --keys, something else from now on. */
export async function run(context: CliContext, flags: NodeKeysFlags): Promise<void> {
  const { output } = context
  const profile = { dir: await requireProfile(context.flags) }
  const { profileProtection, protectProfile } = await import('../node/protect.ts')
  const { newPassphraseFile, newKeyFile } = flags
  const asked = flags.keys ?? impliedBy(flags)
  if (asked === undefined) {
    const keys = await profileProtection(profile)
    return output.result({ keys }, `Keys  ${KEY_WORDS[keys]}`)
  }
  const next = await chooseKeys(context, asked, {
    keyFile: newKeyFile,
    passphrase: async () =>
      newPassphraseFile === undefined ? undefined : passphraseIn(context, newPassphraseFile),
    flag: '--new-key-file FILE',
  })
  const unlock = (): Promise<string> => readPassphrase(context)
  const keys = await protectProfile({ profile, unlock, keyFile: context.flags.keyFile, next })
  await output.result({ keys }, `${renderDone(output.style)} keys: ${KEY_WORDS[keys]}`)
  output.talk(
    'Copies and backups of the folder from before still open as before. If it was stolen, make new prekeys: sotto node rotate',
  )
}

function impliedBy({ newPassphraseFile, newKeyFile }: NodeKeysFlags): KeyProtection | undefined {
  if (newKeyFile !== undefined) return 'key-file'
  return newPassphraseFile === undefined ? undefined : 'passphrase'
}
