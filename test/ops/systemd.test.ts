// The unit, as systemd reads it.
import { execFile } from 'node:child_process'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const run = promisify(execFile)
const folder = new URL('../../ops/systemd/', import.meta.url).pathname
const unit = `${folder}sotto-mailbox.service`

test('systemd finds nothing wrong with the units', async () => {
  const units = (await readdir(folder)).map((name) => `${folder}${name}`)
  expect(units).toContain(unit)
  const { stdout, stderr } = await run('systemd-analyze', ['verify', '--man=no', ...units])
  expect(stdout + stderr).toBe('')
})

test('the unit may do little', async () => {
  const { stdout } = await run('systemd-analyze', ['security', '--offline=true', unit])
  const [, level] = /Overall exposure level for \S+: ([\d.]+)/.exec(stdout) ?? []
  expect(Number(level)).toBeLessThanOrEqual(2)
})
