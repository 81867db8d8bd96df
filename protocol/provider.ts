// Which primitives run: libsodium's WebAssembly, the reference, or what a native library does faster. Both must give the
// published answers before anything is done with them.

import sodium from 'libsodium-wrappers'
import { CryptoError } from './errors.ts'
import { checkKnownAnswers } from './known-answers.ts'
import { loadNativeModule } from './native-module.ts'
import { nativePrimitives } from './native-primitives.ts'
import type { Primitives } from './primitives.ts'
import { wasmPrimitives } from './primitives.ts'
import type { SodiumModule } from './sodium-module.ts'

/** Whose primitives run, and if they are not the native ones, why. */
export type CryptoProvider =
  | { readonly name: 'native' }
  /** `unwanted`: the environment says so; `absent`: not Node, or not installed. */
  | { readonly name: 'wasm'; readonly reason: 'unwanted' | 'absent' }
  /** The native library does not load, or gave a wrong answer. */
  | { readonly name: 'wasm'; readonly reason: 'broken'; readonly cause: unknown }

let reference: Running | undefined
let chosen: Running | undefined
let running: Running | undefined

/**
 * Settles once primitives run that have given the published answers; rejects with `CryptoError` ERR_SELF_TEST where
 * the reference does not give them. Every operation is synchronous and throws ERR_SELF_TEST before that.
 */
export const ready: Promise<void> = start()

/** Whose primitives run. Throws `CryptoError` ERR_SELF_TEST before `ready`. */
export function cryptoProvider(): CryptoProvider {
  return now().provider
}

/** The primitives that run. Throws `CryptoError` ERR_SELF_TEST before `ready`. */
export function primitives(): Primitives {
  return now().primitives
}

/**
 * Switches to the reference, or back to what was chosen at the start: for tests and benchmarks that compare the two in one
 * process. Returns what runs then.
 */
export function useProvider(name: 'chosen' | 'wasm'): CryptoProvider {
  running = name === 'wasm' ? reference : chosen
  return cryptoProvider()
}

interface Running {
  readonly provider: CryptoProvider
  readonly primitives: Primitives
}

async function start(): Promise<void> {
  await sodium.ready
  // The typings leave out the module below the wrappers.
  const { libsodium } = sodium as unknown as { readonly libsodium: SodiumModule }
  const wasm = wasmPrimitives(libsodium)
  checkKnownAnswers(wasm)
  reference = { provider: { name: 'wasm', reason: 'unwanted' }, primitives: wasm }
  chosen = choose(wasm)
  running = chosen
}

function now(): Running {
  if (running === undefined) throw new CryptoError('ERR_SELF_TEST')
  return running
}

function choose(wasm: Primitives): Running {
  const module = loadNativeModule()
  if (module.state === 'broken') return broken(wasm, module.cause)
  if (module.state !== 'loaded') {
    return { provider: { name: 'wasm', reason: module.state }, primitives: wasm }
  }
  const native = nativePrimitives(module.sodium, wasm)
  try {
    checkKnownAnswers(native)
  } catch (cause) {
    return broken(wasm, cause)
  }
  return { provider: { name: 'native' }, primitives: native }
}

function broken(wasm: Primitives, cause: unknown): Running {
  return { provider: { name: 'wasm', reason: 'broken', cause }, primitives: wasm }
}
