import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { createProfile } from '../../node/index.ts'
import { openHome } from '../../net/platform/home.ts'
import { json, sotto, temporaryFolder } from './support.ts'

async function identity(unlock?: () => Promise<string>) {
  const dir = await temporaryFolder()
  const home = join(dir, 'ada')
  const { peer } = await createProfile({ dir: home, name: 'ada', ...(unlock && { unlock }) })
  const secret = await generateX25519Identity()
  const keys = join(dir, 'keys')
  await writeFile(keys, `# made by a test\n${secret}\n`)
  const file = join(dir, 'a.age')
  const recipient = await identityToRecipient(secret)
  const backup = (...argv: readonly string[]) => sotto(['backup', ...argv])
  const create = (...more: readonly string[]) =>
    sotto(['--home', home, 'backup', 'create', file, '--recipient', recipient, '--json', ...more])
  return { dir, home, peer, keys, file, backup, create, recipient }
}

test('a backup is made, verified and restored, and says whose it is', async () => {
  const { dir, peer, keys, file, backup, create } = await identity()
  const made = await create()
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  const counts = { peer, contacts: 0, messages: 0, damaged: 0 }
  expect(json(made)).toMatchObject({ file, ...counts })
  const verified = await backup('verify', file, '--identity', keys, '--json')
  expect(json(verified)).toMatchObject({ sound: true, ...counts })
  const home = join(dir, 'new')
  const restored = await backup('restore', file, '--identity', keys, '--dir', home, '--json')
  expect(restored).toMatchObject({ exit: 0, stderr: expect.stringContaining('never run again') })
  expect(json(restored)).toMatchObject({ ...counts, home, restoredAt: expect.any(Number) })
  const plain = await backup('verify', file, '--identity', keys)
  expect(plain.stdout).toMatch(/as of .*Z {3}contacts 0 · messages 0/)
})

test('each thing that can be wrong has its exit code, and nothing is left of it', async () => {
  const { dir, home, keys, file, backup, create, recipient } = await identity()
  await create()
  const code = async (...argv: readonly string[]) => (await backup(...argv)).exit
  const other = join(dir, 'b.age')
  expect((await create()).exit).toBe(7) // there already
  expect(await code('create', other, '--recipient', 'age1x', '--home', home)).toBe(2)
  expect(await code('create', other, '--recipient', recipient, '--home', join(dir, 'none'))).toBe(3)
  const open = await openHome(home)
  expect(await code('create', other, '--recipient', recipient, '--home', home)).toBe(8)
  await open.close()
  expect(await code('verify', join(dir, 'c.age'), '--identity', keys)).toBe(2)
  const stranger = join(dir, 'stranger')
  await writeFile(stranger, await generateX25519Identity())
  expect(await code('verify', file, '--identity', stranger)).toBe(10)
  expect(await code('restore', file, '--identity', keys, '--dir', home)).toBe(7)
  // A backup of the other kind is none.
  expect((await sotto(['mailbox', 'backup', 'verify', file, '--identity', keys])).exit).toBe(13)
  await appendFile(file, 'x')
  expect(await code('verify', file, '--identity', keys)).toBe(13)
  expect(await code('restore', file, '--identity', keys, '--dir', join(dir, 'new'))).toBe(9)
  expect(new Set(await readdir(dir))).toEqual(new Set(['a.age', 'ada', 'keys', 'stranger']))
})

test('a profile that was sealed is sealed again', async () => {
  const made = await identity(() => Promise.resolve('correct horse'))
  const { dir, home, file, keys, backup, recipient } = made
  const pass = join(dir, 'pass')
  await writeFile(pass, 'correct horse\n')
  const given = ['--passphrase-file', pass]
  expect(
    (await backup('create', file, '--recipient', recipient, '--home', home, ...given)).exit,
  ).toBe(0)
  const restored = join(dir, 'new')
  const opens = ['--identity', keys, '--home', restored]
  expect((await backup('restore', file, ...opens, ...given)).exit).toBe(0)
  await expect(openHome(restored)).rejects.toMatchObject({ code: 'ERR_PASSPHRASE_NEEDED' })
  const opened = await openHome(restored, { unlock: () => Promise.resolve('correct horse') })
  expect(opened.protection).toBe('passphrase')
  await opened.close()
})
