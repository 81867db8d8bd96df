import { chmod, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { json, sotto, temporaryFolder } from './support.ts'
import { connectMailbox } from '../../daemon/mailbox-caller.ts'
import { findSocket } from '../../daemon/socket-path.ts'
import { program, start, stopAfterTest } from './processes.ts'
import type { Ran } from './support.ts'

const LISTEN = ['/ip4/127.0.0.1/tcp/0']

/** Several processes, one after the other, on a machine that may be busy. */
const PATIENCE_MS = 180_000

/** The folder of a mailbox that listens on loopback, and commands on it, which run in this process. */
async function mailbox() {
  const home = join(await temporaryFolder(), 'box')
  const run = (...argv: readonly string[]): Promise<Ran> =>
    sotto(['--home', home, 'mailbox', ...argv])
  expect(await run('init', '--yes')).toMatchObject({ exit: 0 })
  const file = join(home, 'mailbox.toml')
  const text = `[host]\nlisten = ${JSON.stringify(LISTEN)}\n[policy]\njoin = "invite"\n`
  await writeFile(file, text)
  return { home, run, file, text }
}

async function person(name: string): Promise<(link: string) => Promise<Ran>> {
  const home = join(await temporaryFolder(), name)
  const argv = ['init', '--name', name, '--keys', 'none', '--no-lan', '--listen', ...LISTEN]
  expect(await program(['--home', home, ...argv])).toMatchObject({ exit: 0 })
  stopAfterTest(home)
  return (link) => program(['--home', home, 'mailbox', 'use', '-'], link)
}

test(
  'a mailbox is run over its socket: one person per invitation, members, policy, the end',
  { timeout: PATIENCE_MS },
  async () => {
    const { home, run } = await mailbox()
    const [ada, bob] = await Promise.all([person('ada'), person('bob')])
    const serving = start(['--home', home, 'mailbox', 'serve', '--json'])
    await expect.poll(serving.stdout, { timeout: 60_000 }).toContain('\n')
    expect((await stat(join(home, 'run', 'sock'))).mode & 0o777).toBe(0o600)
    expect(await run('status')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('serves'),
    })
    expect(await run('serve')).toMatchObject({ exit: 8, stdout: '' })
    expect(json(await run('invite', 'list', '--json'))).toMatchObject({ invitations: [] })

    const link = (await run('invite', 'new', '--label', 'family', '--quota', '2MiB')).stdout
    expect(await ada(link)).toMatchObject({ exit: 0, stdout: expect.stringContaining('2.0 MiB') })
    expect(await bob(link)).toMatchObject({ exit: 7 })
    expect(json(await run('invite', 'list', '--json'))).toMatchObject({
      invitations: [{ used: 1, spent: true }],
    })
    const { members } = json(await run('member', 'list', '--json')) as {
      readonly members: readonly { readonly id: string }[]
    }
    expect(members).toMatchObject([{ label: 'family', status: 'active', maxBytes: 2_097_152 }])
    const [{ id } = { id: '' }] = members
    expect(await run('member', 'suspend', id)).toMatchObject({ exit: 0 })
    expect(await run('member', 'remove', id, '--yes')).toMatchObject({ exit: 0 })
    expect(json(await run('status', '--json'))).toMatchObject({ status: { members: 0, up: true } })

    expect(await run('policy', 'set', 'join', 'open')).toMatchObject({
      exit: 0,
      stdout: expect.stringContaining('from now on'),
    })
    expect(await bob(link)).toMatchObject({ exit: 0 })

    serving.child.kill('SIGTERM')
    const ended = await serving.ended
    expect(ended).toMatchObject({ exit: 143, stderr: expect.stringContaining('mailbox stopped') })
    const [first = '', ...log] = ended.stdout.trimEnd().split('\n')
    expect(JSON.parse(first)).toMatchObject({ home, pid: serving.child.pid })
    expect(JSON.parse(log.at(-1) ?? '')).toMatchObject({ event: 'stop' })
    expect(await run('status')).toMatchObject({ exit: 8 })
    expect(json(await run('member', 'list', '--json'))).toMatchObject({ members: [{ label: '' }] })
  },
)

test(
  'a change of the file counts at once, SIGHUP reads it again, and a bad one changes nothing',
  { timeout: PATIENCE_MS },
  async () => {
    const { home, file, text } = await mailbox()
    const serving = start(['--home', home, 'mailbox', 'serve'])
    await expect.poll(serving.stdout, { timeout: 60_000 }).toContain('\n')
    const socket = await connectMailbox(await findSocket(home))
    const room = () => socket?.call('mailbox.status', {})
    expect(await room()).toMatchObject({ maxMembers: 500 })

    await writeFile(file, `${text}\n[quota]\nmembers = 3\n`)
    await expect.poll(serving.stderr, { timeout: 30_000 }).toContain('quota.members')
    expect(await room()).toMatchObject({ maxMembers: 3 })

    await writeFile(file, `${text}\n[quota]\nmembers = "many"\n`)
    await expect.poll(serving.stderr, { timeout: 30_000 }).toContain('the old one counts')
    expect(serving.stderr()).toContain('quota.members must be a whole number')
    expect(await room()).toMatchObject({ maxMembers: 3 })
    const said = serving.stderr().length
    serving.child.kill('SIGHUP')
    await expect
      .poll(() => serving.stderr().slice(said), { timeout: 30_000 })
      .toContain('the old one counts')

    await writeFile(file, `${text.replace('tcp/0', 'tcp/1')}\n[quota]\nmembers = 4\n`)
    await expect.poll(serving.stderr, { timeout: 30_000 }).toContain('next start on: host.listen')
    expect(await room()).toMatchObject({ maxMembers: 4 })
    await socket?.close()
    serving.child.kill('SIGTERM')
    expect((await serving.ended).exit).toBe(143)
  },
)

test(
  'a service manager is told when the mailbox is up, that it still is, and when it stops',
  { timeout: PATIENCE_MS },
  async () => {
    const { home } = await mailbox()
    const folder = await temporaryFolder()
    const told = join(folder, 'told')
    await writeFile(join(folder, 'systemd-notify'), `#!/bin/sh\necho "$@" >> ${told}\n`)
    await chmod(join(folder, 'systemd-notify'), 0o755)
    const environment = {
      NOTIFY_SOCKET: join(folder, 'none'),
      WATCHDOG_USEC: '400000',
      PATH: `${folder}:${process.env['PATH'] ?? ''}`,
    }
    const serving = start(['--home', home, 'mailbox', 'serve'], '', environment)
    const lines = () => readFile(told, 'utf8').catch(() => '')
    const by = `--pid=${serving.child.pid}`
    const alive = `WATCHDOG=1 ${by}`
    const twice = `--ready ${by}\n${alive}\n${alive}\n`
    await expect.poll(lines, { timeout: 60_000 }).toContain(twice)
    serving.child.kill('SIGTERM')
    await serving.ended
    const heard = (await lines()).split('\n').filter((line) => line !== '' && line !== alive)
    expect(heard).toEqual([`--ready ${by}`, `--stopping ${by}`])
  },
)
