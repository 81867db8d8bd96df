// How the keys of a folder are to be protected, from what the command line says.

import type { KeyProtection, NewKeys } from '../node/api.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { choosePassphrase, passphraseFromFile } from './passphrase.ts'

/** What a person reads about it. */
export const KEY_WORDS: Readonly<Record<KeyProtection, string>> = {
  none: 'not protected: whoever can read the folder is you',
  passphrase: 'passphrase',
  'key-file': 'key file',
  'key-store': "the system's key store",
}

/** Where new ones are named; the flags of a change differ from those of a first choice. */
export interface Sources {
  readonly keyFile: string | undefined
  readonly passphrase: () => Promise<string | undefined>
  /** What names a key file, for a hint. */
  readonly flag: string
}

/** What a new folder is made with; asks for a passphrase where nothing is said. Throws SottoError INVALID_ARGUMENT. */
export async function chooseKeys(
  context: CliContext,
  keys: KeyProtection | undefined,
  sources: Sources = {
    keyFile: context.flags.keyFile,
    passphrase: () => passphraseFromFile(context),
    flag: '--key-file FILE',
  },
): Promise<NewKeys> {
  switch (keys ?? (sources.keyFile === undefined ? undefined : 'key-file')) {
    case 'none':
      return {}
    case 'key-store':
      return { keyStore: true }
    case 'key-file':
      if (sources.keyFile !== undefined) return { keyFile: sources.keyFile }
      throw new SottoError('INVALID_ARGUMENT', '--keys key-file needs the name of a file', {
        hint: `give it with ${sources.flag}; it is made where there is none`,
      })
    case 'passphrase':
    case undefined: {
      const passphrase = (await sources.passphrase()) ?? (await choosePassphrase(context))
      if (passphrase !== '') return { unlock: () => Promise.resolve(passphrase) }
      if (keys === undefined) return {}
      const message = '--keys passphrase needs a passphrase that is not empty'
      throw new SottoError('INVALID_ARGUMENT', message)
    }
  }
}

/** What will protect a folder that is made so. */
export function protectionBy({ unlock, keyFile, keyStore }: NewKeys): KeyProtection {
  if (keyFile !== undefined) return 'key-file'
  if (keyStore === true) return 'key-store'
  return unlock === undefined ? 'none' : 'passphrase'
}
