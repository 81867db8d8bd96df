// The keychain of macOS by `security`. Its commands come on stdin, as a secret among the arguments could be seen by everybody.

import { HomeError } from './home-error.ts'
import { fileKeyFromHex, fileKeyHex } from './identity-codec.ts'
import { runTool } from './run-tool.ts'
import type { KeyStore } from './key-store.ts'

const TOOL = 'security'

/** errSecItemNotFound, as an exit code. */
const NOT_FOUND = 44

export function macKeychain(): KeyStore {
  return {
    put: async (id, key) => {
      const line = `add-generic-password -U -a ${id} -s sotto -w ${fileKeyHex(key)}\n`
      const { code, stderr } = await runTool(TOOL, ['-i'], line)
      // In this mode it ends well whatever its commands did, and says why they failed.
      if (code !== 0 || stderr.trim() !== '') throw new HomeError('ERR_NO_KEY_STORE')
    },
    get: async (id) => {
      const argv = ['find-generic-password', '-a', id, '-s', 'sotto', '-w']
      const { code, stdout } = await runTool(TOOL, argv)
      if (code === 0) return fileKeyFromHex(stdout)
      throw new HomeError(code === NOT_FOUND ? 'ERR_BAD_KEY' : 'ERR_NO_KEY_STORE')
    },
    remove: async (id) => {
      await runTool(TOOL, ['delete-generic-password', '-a', id, '-s', 'sotto'])
    },
  }
}
