// Where the native libsodium comes from, if there is one: an optional package of Node. The only file of `protocol/` that
// asks what it runs on. It imports nothing of Node, so that it stands in a browser's bundle without harm.

import type { NativeSodium } from './native-primitives.ts'

/** What was found. */
export type NativeModule =
  | { readonly state: 'loaded'; readonly sodium: NativeSodium }
  /** Not Node, or not installed. */
  | { readonly state: 'absent' }
  /** It is there and does not load, on this platform or at all. */
  | { readonly state: 'broken'; readonly cause: unknown }
  /** The environment says that it is not wanted. */
  | { readonly state: 'unwanted' }

/** Loads it, unless the environment variable `SOTTO_CRYPTO` is `wasm`. */
export function loadNativeModule(): NativeModule {
  const { process } = globalThis as { readonly process?: Partial<NodeJS.Process> }
  if (process?.env?.['SOTTO_CRYPTO'] === 'wasm') return { state: 'unwanted' }
  const node = process?.getBuiltinModule?.('node:module')
  if (node === undefined) return { state: 'absent' }
  try {
    const require = node.createRequire(import.meta.url)
    return { state: 'loaded', sodium: require(PACKAGE) as NativeSodium }
  } catch (cause) {
    return isNotInstalled(cause) ? { state: 'absent' } : { state: 'broken', cause }
  }
}

const PACKAGE = 'sodium-native'

/** Not to be taken for a module that the package itself misses. */
function isNotInstalled(cause: unknown): boolean {
  if (!(cause instanceof Error) || !('code' in cause)) return false
  return cause.code === 'MODULE_NOT_FOUND' && cause.message.includes(`'${PACKAGE}'`)
}
