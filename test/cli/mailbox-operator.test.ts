import { chmod, chown, readdir, readFile, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { json, sotto, temporaryFolder } from './support.ts'
import type { Ran } from './support.ts'

/** A user id that nobody has here. */
const STRANGER = 54_321

/** A mailbox that has never served, and commands on it. */
async function mailbox() {
  const home = join(await temporaryFolder(), 'box')
  const run = (...argv: readonly string[]): Promise<Ran> =>
    sotto(['--home', home, 'mailbox', ...argv])
  const data = async (...argv: readonly string[]) => json(await run(...argv, '--json'))
  expect(await run('init', '--yes')).toMatchObject({ exit: 0, stderr: '' })
  return { home, run, data, file: join(home, 'mailbox.toml') }
}

test('init makes keys and a file that is valid; again is refused', async () => {
  const { home, run, file } = await mailbox()
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect((await stat(home)).mode & 0o777).toBe(0o700)
  expect(await run('init', '--yes')).toMatchObject({ exit: 7 })
  expect(await run('policy', 'show')).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('join = "invite"'),
  })
})

test('root does not write into the folder of another user', async () => {
  const { home, run } = await mailbox()
  const names = ['', ...(await readdir(home, { recursive: true }))]
  const isRoot = process.getuid?.() === 0
  if (isRoot) for (const name of names) await chown(join(home, name), STRANGER, STRANGER)
  vi.spyOn(process, 'getuid').mockReturnValue(0)
  onTestFinished(() => void vi.restoreAllMocks())
  const { uid } = await stat(home)
  const refused = await run('invite', 'new')
  expect(refused).toMatchObject({ exit: 2, stdout: '' })
  expect(refused.stderr).toContain(`belongs to the user with the id ${uid}`)
  expect(['', ...(await readdir(home, { recursive: true }))]).toEqual(names)
  for (const name of names) expect((await stat(join(home, name))).uid).toBe(uid)
})

test('init asks nothing of nobody, prints what it would write, and refuses what is wrong', async () => {
  const home = join(await temporaryFolder(), 'box')
  const init = (...argv: readonly string[]) => sotto(['--home', home, 'mailbox', 'init', ...argv])
  expect(await init('--no-input')).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('--public, or --yes'),
  })
  const shown = await init('--print-config', '--join', 'open', '--disk-budget', '7GiB')
  expect(shown.stdout).toContain('join = "open"')
  expect(shown.stdout).toContain('disk_budget = "7GiB"')
  expect(await init('--yes', '--disk-budget', '7GB')).toMatchObject({ exit: 11 })
  await expect(stat(home)).rejects.toThrow('ENOENT')
})

test('invitations are made, listed and revoked; their links are not kept', async () => {
  const { run, data } = await mailbox()
  const made = await run('invite', 'new', '--uses', '3', '--label', 'family', '--quota', '2MiB')
  expect(made.exit).toBe(0)
  expect(decodeMailboxLink(made.stdout.trim()).joinSecret).toHaveLength(16)
  expect(made.stderr).toContain('3 people may join by it')
  expect(made.stderr).toContain('names no address')
  const never = await data('invite', 'new', '--uses', 'any', '--expires', 'never')
  expect(never['invitation']).toMatchObject({ id: 2, uses: null, expiresAt: null })
  const listed = await run('invite', 'list')
  expect(listed.stdout).toContain('family')
  expect(listed.stdout).not.toContain('SOTTO:')
  expect(await data('invite', 'list')).toMatchObject({
    invitations: [
      { id: 1, uses: 3, used: 0, quota: { bytes: 2_097_152, messages: 2000 }, spent: false },
      { id: 2 },
    ],
  })
  expect(await run('invite', 'revoke', '1')).toMatchObject({ exit: 0 })
  expect(await run('invite', 'revoke', '1')).toMatchObject({ exit: 3 })
  expect(await data('invite', 'list')).toMatchObject({ invitations: [{ id: 2 }] })
})

test.each([
  [['invite', 'new', '--uses', '0'], 2],
  [['invite', 'new', '--expires', '7'], 2],
  [['invite', 'new', '--quota', '5MB'], 2],
  [['invite', 'new', '--label', 'é'.repeat(40)], 7],
  [['invite', 'revoke', 'one'], 2],
  [['member', 'suspend', '1'], 3],
  [['member', 'quota', '1', '5MiB'], 3],
  [['member', 'remove', '1', '--yes'], 3],
  [['member', 'wipe', '1'], 2],
  [['policy', 'set', 'jion', 'open'], 2],
  [['policy', 'set', 'join', 'closed'], 2],
  [['quota', 'set', 'keep_messages', '40d'], 2],
])('%j ends with %i', async (argv, exit) => {
  const { run } = await mailbox()
  expect(await run(...argv)).toMatchObject({ exit, stdout: '' })
})

test('a mailbox drains, says when it can stop, and goes on after all', async () => {
  const { run, data } = await mailbox()
  const { link } = await data('invite', 'new')
  expect(await data('status')).toMatchObject({ status: { draining: false } })
  const drained = await run('drain', '--to', String(link))
  expect(drained).toMatchObject({ exit: 0, stdout: expect.stringContaining('0 messages wait') })
  expect(drained.stdout).not.toContain('SOTTO:')
  expect(await data('status')).toMatchObject({ status: { draining: true, waiting: 0 } })
  expect((await run('status')).stdout).toMatch(/^Draining +nothing waits any more: it can stop/m)
  expect(await run('drain', '--to', 'SOTTO:M/1/AAAA')).toMatchObject({ exit: 2, stdout: '' })
  expect(await data('drain', '--off')).toMatchObject({ draining: false })
  expect((await run('status')).stdout).not.toContain('Draining')
  expect(await data('drain')).toMatchObject({ draining: true, waiting: 0 })
})

test('policy and quota are set in the file, whose comments stay', async () => {
  const { run, data, file } = await mailbox()
  const before = await readFile(file, 'utf8')
  expect(await run('quota', 'set', 'disk_budget', '3GiB')).toMatchObject({ exit: 0 })
  expect(await readFile(file, 'utf8')).toBe(before.replace('20GiB', '3GiB'))
  expect(await run('policy', 'set', 'new_members', 'false')).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('at the next start'),
  })
  expect(await data('policy', 'show')).toMatchObject({
    values: { 'policy.new_members': { value: false, origin: 'file' } },
  })
})

test('a configuration that is not valid ends every command, with all that is wrong', async () => {
  const { run, file } = await mailbox()
  await writeFile(file, '[quotas]\n[policy]\njoin = "closed"\n')
  for (const argv of [['status'], ['invite', 'list'], ['check'], ['serve'], ['policy', 'show']]) {
    const ran = await run(...argv, '--json')
    expect(ran.exit).toBe(11)
    expect(JSON.parse(ran.stderr)).toMatchObject({
      error: {
        code: 'CONFIG_INVALID',
        problems: [
          `${file}: unknown section: "quotas", did you mean quota?`,
          `${file}: policy.join must be one of "invite", "allow-list", "open"`,
        ],
      },
    })
  }
  const named = await run('status', '--config', '/nonexistent.toml')
  expect(named).toMatchObject({ exit: 11, stderr: expect.stringContaining('ENOENT') })
})

test('the file may stand elsewhere, and name the folder', async () => {
  const { home } = await mailbox()
  const elsewhere = join(await temporaryFolder(), 'mailbox.toml')
  await writeFile(elsewhere, `[host]\ndata = ${JSON.stringify(home)}\n[quota]\nmembers = 7\n`)
  const ran = await sotto(['mailbox', 'status', '--json', '--config', elsewhere])
  expect(json(ran)).toMatchObject({ status: { up: false, maxMembers: 7 } })
  const environment = { SOTTO_CONFIG: elsewhere, SOTTO_QUOTA__MEMBERS: '8' }
  const again = await sotto(['mailbox', 'status', '--json'], { environment })
  expect(json(again)).toMatchObject({ status: { maxMembers: 8 } })
})

test('status tells that it does not serve, and check what is wrong', async () => {
  const { run, data, home } = await mailbox()
  expect(await run('status')).toMatchObject({ exit: 8, stdout: expect.stringContaining('well') })
  await run('quota', 'set', 'disk_budget', '900TiB')
  await writeFile(join(home, 'store', 'later'), '')
  const later = Date.now() / 1000 + 86_400
  await utimes(join(home, 'store', 'later'), later, later)
  await chmod(home, 0o755)
  const checked = await run('check')
  expect(checked.exit).toBe(13)
  const { checks } = (await data('check')) as {
    readonly checks: readonly {
      readonly name: string
      readonly ok: boolean
      readonly fix: string
    }[]
  }
  const wrong = checks.filter(({ ok }) => !ok).map(({ name }) => name)
  expect(wrong).toEqual(expect.arrayContaining(['folder', 'disk', 'clock']))
  expect(wrong).not.toContain('store')
  expect(checks.every(({ ok, fix }) => ok === (fix === ''))).toBe(true)
})

test('without a folder there is no mailbox', async () => {
  const home = join(await temporaryFolder(), 'none')
  for (const argv of [['status'], ['serve'], ['invite', 'list']]) {
    expect(await sotto(['--home', home, 'mailbox', ...argv])).toMatchObject({
      exit: 3,
      stderr: expect.stringContaining('mailbox init'),
    })
  }
  expect(await sotto(['--home', home, 'mailbox', 'check'])).toMatchObject({ exit: 13 })
})
