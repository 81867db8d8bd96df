// How the keys of a profile are protected, and changing that.

import { protectHome, protectionAt, type CreateHomeOptions } from '../net/platform/home-identity.ts'
import { HomeError } from '../net/platform/home-error.ts'
import { platformKeyStore } from '../net/platform/key-store.ts'
import type { KeyProtection, NewKeys, ProtectProfile } from './api.ts'
import { homeProblem } from './home-problem.ts'
import { profileFolder } from './profile-folder.ts'

/** What protects the keys of a profile. Rejects with SottoError PROFILE_NOT_FOUND, STORE_DAMAGED, NEWER_FORMAT. */
export function profileProtection(
  profile: string | { readonly dir: string },
): Promise<KeyProtection> {
  return protectionAt(profileFolder(profile)).catch(homeProblem)
}

/**
 * Protects the keys of a profile in another way. A node that runs from it goes on. Rejects with SottoError BAD_PASSPHRASE where what protects
 * them now, or is to, cannot be used, PROFILE_NOT_FOUND, or with what `unlock` threw; nothing has changed then.
 */
export const protectProfile: ProtectProfile = async ({ profile, unlock, keyFile, next }) => {
  const home = await newKeys(next).catch(homeProblem)
  return await protectHome(profileFolder(profile), { unlock, keyFile }, home).catch(homeProblem)
}

/** For `createHome`. Throws `HomeError` ERR_NO_KEY_STORE where the platform has none that we know. */
export async function newKeys({ unlock, keyFile, keyStore }: NewKeys): Promise<CreateHomeOptions> {
  if (keyFile !== undefined) return { keyFile }
  if (keyStore !== true) return { passphrase: await unlock?.() }
  const store = platformKeyStore()
  if (store === undefined) throw new HomeError('ERR_NO_KEY_STORE')
  return { keyStore: store }
}
