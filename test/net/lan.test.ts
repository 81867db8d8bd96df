import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const PROGRAM = fileURLToPath(new URL('../support/lan-pair.ts', import.meta.url))

test('two nodes on a local network find each other, in a network namespace of their own', async () => {
  const script = 'ip link set lo up && exec "$0" "$1"'
  const { stdout } = await promisify(execFile)(
    'unshare',
    ['--map-root-user', '--net', 'sh', '-c', script, process.execPath, PROGRAM],
    { timeout: 50_000 },
  )
  expect(stdout).toBe('met\n')
})
