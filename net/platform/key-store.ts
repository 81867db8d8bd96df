// The place that the platform has for secrets, which it opens with the user's login: Secret Service on Linux, the keychain on macOS.

import { macKeychain } from './key-store-macos.ts'
import { secretService } from './key-store-linux.ts'
import type { Secret } from '../../protocol/secret.ts'

/** Keeps keys under ids, 32 bytes each. All reject with `HomeError` ERR_NO_KEY_STORE where the platform's tool is missing or refuses. */
export interface KeyStore {
  /** The key stays with the caller. */
  put(id: string, key: Secret<'FileKey'>): Promise<void>
  /** The caller wipes it. `HomeError` ERR_BAD_KEY when there is none, or it is not 32 bytes. */
  get(id: string): Promise<Secret<'FileKey'>>
  /** Also where there is none. */
  remove(id: string): Promise<void>
}

/** Undefined where we know of none. */
export function platformKeyStore(): KeyStore | undefined {
  if (process.platform === 'linux') return secretService()
  return process.platform === 'darwin' ? macKeychain() : undefined
}
