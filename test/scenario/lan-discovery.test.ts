import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../support/lan-chat.ts', import.meta.url))

test('two people on a local network need no more than a PeerId, in a namespace of their own', async () => {
  const script = 'ip link set lo up && exec "$0" "$1"'
  const { stdout } = await promisify(execFile)(
    'unshare',
    ['--map-root-user', '--net', 'sh', '-c', script, process.execPath, PROGRAM],
    { timeout: 50_000 },
  )
  expect(stdout).toBe('over the local network\n')
})
