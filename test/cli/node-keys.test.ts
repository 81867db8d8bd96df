import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { profileProtection, createProfile } from '../../node/index.ts'
import { openHome } from '../../net/platform/home.ts'
import { json, sotto, temporaryFolder } from './support.ts'

test('what protects the keys is shown, and changed to a passphrase, a key file and back', async () => {
  const dir = await temporaryFolder()
  const home = join(dir, 'ada')
  await createProfile({ dir: home, name: 'ada' })
  const keys = (...argv: readonly string[]) =>
    sotto(['--home', home, 'node', 'keys', '--json', ...argv])
  expect(json(await keys())).toMatchObject({ keys: 'none' })

  const pass = join(dir, 'pass')
  await writeFile(pass, 'correct horse\n')
  expect(json(await keys('--new-passphrase-file', pass))).toMatchObject({ keys: 'passphrase' })
  const keyFile = join(dir, 'key')
  expect((await keys('--new-key-file', keyFile)).exit).toBe(2) // nobody to ask for the old one
  const changed = await keys('--new-key-file', keyFile, '--passphrase-file', pass)
  expect(json(changed)).toMatchObject({ keys: 'key-file' })
  expect((await stat(keyFile)).mode & 0o777).toBe(0o600)
  await (await openHome(home, { keyFile })).close()

  expect((await keys('--keys', 'none')).exit).toBe(10)
  expect((await keys('--keys', 'none', '--key-file', pass)).exit).toBe(10)
  expect((await keys('--keys', 'key-file', '--key-file', keyFile)).exit).toBe(2)
  expect(await profileProtection({ dir: home })).toBe('key-file')
  const environment = { SOTTO_KEY_FILE: keyFile }
  const bare = ['--home', home, 'node', 'keys', '--keys', 'none', '--json']
  expect(json(await sotto(bare, { environment }))).toMatchObject({ keys: 'none' })
  expect(json(await keys())).toMatchObject({ keys: 'none' })
})

test('init hands on how the keys are to be protected, and says so when nothing protects them', async () => {
  const dir = await temporaryFolder()
  const init = (...argv: readonly string[]) =>
    sotto(['--home', dir, 'init', '--name', 'ada', '--no-input', ...argv])
  expect((await init('--keys', 'key-file')).exit).toBe(2)
  expect((await init('--keys', 'none')).stdout).toContain('not protected')
  const other = await temporaryFolder()
  const made = await sotto([
    '--home',
    other,
    'init',
    '--name',
    'ada',
    '--key-file',
    join(dir, 'key'),
    '--json',
  ])
  expect(json(made)).toMatchObject({ keys: 'key-file' })
})
