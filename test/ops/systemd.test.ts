// The unit, as systemd reads it.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const unit = new URL('../../ops/systemd/sotto-mailbox.service', import.meta.url).pathname

test('systemd finds nothing wrong with the unit', async () => {
  const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', unit])
  expect(stdout + stderr).toBe('')
})

test('the unit may do little', async () => {
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', unit])
  const [, level] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? []
  expect(Number(level)).toBeLessThanOrEqual(2)
})
