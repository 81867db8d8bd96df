import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { networkOptions, overlay, readSettings, writeSettings } from '../../cli/settings.ts'
import { temporaryFolder } from './support.ts'

test('what init was told is read again, and only the user can read it', async () => {
  const home = await temporaryFolder()
  const settings = { listen: ['/ip4/127.0.0.1/tcp/0'], lan: false, replication: 3 }
  await writeSettings(home, { ...settings, bootstrap: undefined })
  expect(await readSettings(home)).toEqual(settings)
  expect((await stat(join(home, 'settings.json'))).mode & 0o777).toBe(0o600)
})

test('no file means defaults: the local network is searched', async () => {
  const home = await temporaryFolder()
  await writeSettings(home, {})
  expect(networkOptions(await readSettings(home))).toEqual({ lan: true })
})

test('flags of a run go over the settings', () => {
  const settings = { listen: ['/ip4/1.2.3.4/tcp/1'], lan: true }
  expect(overlay(settings, { lan: false, listen: [], bootstrap: ['/x'] })).toEqual({
    listen: ['/ip4/1.2.3.4/tcp/1'],
    lan: false,
    bootstrap: ['/x'],
  })
})

test.each([
  ['not JSON', '{', 'object'],
  ['a list', '[]', 'object'],
  ['every problem', '{"lan":1,"listen":["x"],"lun":true,"replication":0}', 'lan'],
])('%s is invalid configuration', async (_, text, part) => {
  const home = await temporaryFolder()
  await writeFile(join(home, 'settings.json'), text)
  const error = await readSettings(home).catch((e: unknown) => e)
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(part) })
})

test('all problems are listed at once', async () => {
  const home = await temporaryFolder()
  await writeFile(join(home, 'settings.json'), '{"lan":1,"lun":true,"replication":0}')
  await expect(readSettings(home)).rejects.toThrow(/lan must.*"lun".*replication must/)
})
