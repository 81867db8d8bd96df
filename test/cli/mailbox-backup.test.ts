import { appendFile, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { MailboxFolder } from '../support/mailbox-folder.ts'
import { json, sotto, temporaryFolder } from './support.ts'

async function mailbox() {
  const dir = await temporaryFolder()
  const home = join(dir, 'box')
  await (await MailboxFolder.open(home)).close()
  const identity = await generateX25519Identity()
  const keys = join(dir, 'keys')
  await writeFile(keys, `# made by a test\n${identity}\n`)
  const file = join(dir, 'a.age')
  const recipient = await identityToRecipient(identity)
  const backup = (...argv: readonly string[]) => sotto(['mailbox', 'backup', ...argv])
  const create = () =>
    sotto(['--home', home, 'mailbox', 'backup', 'create', file, '--recipient', recipient, '--json'])
  return { dir, home, keys, file, backup, create }
}

test('a backup is made, verified and restored, and says whose it is', async () => {
  const { dir, keys, file, backup, create } = await mailbox()
  const made = await create()
  expect(made).toMatchObject({ exit: 0, stderr: '' })
  const { peer } = json(made)
  const verified = await backup('verify', file, '--identity', keys, '--json')
  expect(json(verified)).toMatchObject({ sound: true, peer, members: 0, messages: 0, damaged: 0 })
  const home = join(dir, 'new')
  const restored = await backup('restore', file, '--identity', keys, '--dir', home, '--json')
  expect(restored).toMatchObject({ exit: 0, stderr: expect.stringContaining('never run again') })
  expect(json(restored)).toMatchObject({ peer, home, restoredAt: expect.any(Number) })
  const box = await MailboxFolder.open(home)
  await box.close()
})

test('each thing that can be wrong has its exit code, and nothing is left of it', async () => {
  const { dir, home, keys, file, backup, create } = await mailbox()
  await create()
  const code = async (...argv: readonly string[]) => (await backup(...argv)).exit
  expect((await create()).exit).toBe(7) // there already
  expect(await code('create', join(dir, 'b.age'), '--recipient', 'age1x', '--home', home)).toBe(2)
  expect(await code('create', join(dir, 'b.age'), '--home', join(dir, 'none'))).toBe(2) // no key
  const box = await MailboxFolder.open(home)
  const busy = ['create', join(dir, 'b.age'), '--recipient', await recipient(), '--home', home]
  expect(await code(...busy)).toBe(8)
  await box.close()
  expect(await code('verify', join(dir, 'c.age'), '--identity', keys)).toBe(2)
  const other = join(dir, 'other')
  await writeFile(other, await generateX25519Identity())
  expect(await code('verify', file, '--identity', other)).toBe(10)
  expect(await code('restore', file, '--identity', keys, '--dir', home)).toBe(7)
  await appendFile(file, 'x')
  expect(await code('verify', file, '--identity', keys)).toBe(13)
  expect(await code('restore', file, '--identity', keys, '--dir', join(dir, 'new'))).toBe(9)
  expect(new Set(await readdir(dir))).toEqual(new Set(['a.age', 'box', 'keys', 'other']))
})

async function recipient(): Promise<string> {
  return await identityToRecipient(await generateX25519Identity())
}

test('a passphrase file seals and opens; help is for the command that is named', async () => {
  const { dir, home, file, backup } = await mailbox()
  const pass = join(dir, 'pass')
  await writeFile(pass, 'correct horse\n')
  const environment = { SOTTO_PASSPHRASE_FILE: pass, SOTTO_HOME: home }
  const made = await sotto(['mailbox', 'backup', 'create', file], { environment })
  expect(made).toMatchObject({ exit: 0, stdout: expect.stringMatching(/members 0 · messages 0/) })
  const verified = await sotto(['mailbox', 'backup', 'verify', file], { environment })
  expect(verified.exit).toBe(0)
  const empty = join(dir, 'empty')
  await writeFile(empty, '\n')
  expect((await backup('create', join(dir, 'b.age'), '--passphrase-file', empty)).exit).toBe(2)
  expect((await backup('--help')).stdout).toContain('restore')
  expect((await backup('restore', '--help')).stdout).toContain('--dir')
})
