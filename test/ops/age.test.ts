// Backups of a mailbox, as Debian's age opens them: who has only that, and the format in docs/mailbox.md, has the mail.
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createBackup } from '../../mailbox/backup/backup.ts'
import { openMailbox } from '../../mailbox/folder.ts'
import { openHome } from '../../net/platform/home.ts'
import { ready } from '../../protocol/crypto.ts'

const run = promisify(execFile)

beforeAll(() => ready)

test('a backup for a key of age-keygen opens with age, and with no other key', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-age-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  const path = (name: string): string => join(dir, name)
  await (await openHome(path('box'), { create: {} })).close()
  const mailbox = await openMailbox({ dir: path('box') })
  await mailbox.operator.invite({ label: 'a label to look for', uses: 1, expiresIn: undefined })
  await mailbox.close()
  for (const key of ['key', 'other']) await run('age-keygen', ['-o', path(key)])
  const { stdout } = await run('age-keygen', ['-y', path('key')])
  const recipients = [stdout.trim()]
  await createBackup({ dir: path('box'), file: path('a.age'), seal: { recipients } })

  await run('age', ['--decrypt', '-i', path('key'), '-o', path('opened'), path('a.age')])
  const opened = await readFile(path('opened'), 'latin1')
  expect(opened.startsWith('sotto mailbox backup 1\n')).toBe(true)
  expect(opened).toContain('a label to look for')
  expect(await readFile(path('a.age'), 'latin1')).not.toContain('a label to look for')

  await expect(run('age', ['--decrypt', '-i', path('other'), path('a.age')])).rejects.toThrow(
    'no identity matched',
  )
  const sealed = await readFile(path('a.age'))
  await writeFile(path('cut.age'), sealed.subarray(0, -1))
  await expect(run('age', ['--decrypt', '-i', path('key'), path('cut.age')])).rejects.toThrow()
})
