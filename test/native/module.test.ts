import { afterEach, expect, test, vi } from 'vitest'
import { loadNativeModule } from '../../protocol/native-module.ts'

afterEach(() => {
  vi.restoreAllMocks()
  vi.unstubAllEnvs()
})

test('the library that is installed is loaded', () => {
  vi.stubEnv('SOTTO_CRYPTO', undefined)
  expect(loadNativeModule()).toMatchObject({ state: 'loaded' })
})

test('the environment can say no', () => {
  vi.stubEnv('SOTTO_CRYPTO', 'wasm')
  expect(loadNativeModule()).toEqual({ state: 'unwanted' })
})

test('where it is not installed, or nothing can be asked, it is absent', () => {
  requireThrows(failure("Cannot find module 'sodium-native'", 'MODULE_NOT_FOUND'))
  expect(loadNativeModule()).toEqual({ state: 'absent' })
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue(undefined)
  expect(loadNativeModule()).toEqual({ state: 'absent' })
  // A page has none, or what a bundler puts in its place.
  for (const process of [undefined, {}, { env: {} }]) {
    vi.stubGlobal('process', process)
    const found = loadNativeModule()
    vi.unstubAllGlobals()
    expect(found).toEqual({ state: 'absent' })
  }
})

test.each([
  failure('Cannot find addon', 'ADDON_NOT_FOUND'),
  failure("Cannot find module 'require-addon'", 'MODULE_NOT_FOUND'),
  failure("The addon of 'sodium-native' is for another platform", 'ERR_DLOPEN_FAILED'),
  new Error('no code'),
  'not even an error',
])('one that does not load is broken, and says why', (cause) => {
  requireThrows(cause)
  expect(loadNativeModule()).toEqual({ state: 'broken', cause })
})

test('so is one that cannot even be asked for', () => {
  const cause = new TypeError('import.meta.url is no file')
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue({
    createRequire: () => {
      throw cause
    },
  })
  expect(loadNativeModule()).toEqual({ state: 'broken', cause })
})

function requireThrows(cause: unknown): void {
  vi.spyOn(process, 'getBuiltinModule').mockReturnValue({
    createRequire: () => () => {
      throw cause
    },
  })
}

function failure(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}
