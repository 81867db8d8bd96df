import { join } from 'node:path'
import envPaths from 'env-paths'
import { SottoError } from './errors.ts'

/** Where a profile is kept: a name stands for a folder in the user's data folder. SottoError INVALID_ARGUMENT for no name. */
export function profileFolder(profile: string | { readonly dir: string }): string {
  if (typeof profile !== 'string') return profile.dir
  if (!/^[\w-]{1,64}$/.test(profile)) {
    throw new SottoError('INVALID_ARGUMENT', 'this is no profile name', {
      hint: 'a profile name has 1 to 64 letters, digits, - and _',
    })
  }
  return join(envPaths('sotto', { suffix: '' }).data, profile)
}
