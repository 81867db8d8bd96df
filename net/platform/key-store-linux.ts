// Secret Service (GNOME Keyring, KWallet) by `secret-tool`, which takes and gives secrets on stdin and stdout.

import { HomeError } from './home-error.ts'
import { fileKeyFromHex, fileKeyHex } from './identity-codec.ts'
import { runTool } from './run-tool.ts'
import type { KeyStore } from './key-store.ts'

const TOOL = 'secret-tool'

export function secretService(): KeyStore {
  return {
    put: async (id, key) => {
      const { code } = await run(['store', '--label=sotto', ...named(id)], fileKeyHex(key))
      if (code !== 0) throw new HomeError('ERR_NO_KEY_STORE')
    },
    get: async (id) => {
      const { code, stdout, stderr } = await run(['lookup', ...named(id)])
      if (code === 0) return fileKeyFromHex(stdout)
      // It says nothing when there is no such entry, and why when it could not look.
      throw new HomeError(stderr.trim() === '' ? 'ERR_BAD_KEY' : 'ERR_NO_KEY_STORE')
    },
    remove: async (id) => {
      await run(['clear', ...named(id)])
    },
  }
}

function named(id: string): readonly string[] {
  return ['service', 'sotto', 'id', id]
}

function run(argv: readonly string[], input = ''): ReturnType<typeof runTool> {
  return runTool(TOOL, argv, input)
}
