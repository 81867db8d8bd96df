import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { pidOf, program, start, stopAfterTest } from './processes.ts'
import { answers } from '../../daemon/client.ts'
import { json, temporaryFolder } from './support.ts'

const LOOPBACK = ['--no-lan', '--listen', '/ip4/127.0.0.1/tcp/0'] as const

async function init(home: string, name: string): Promise<void> {
  const argv = ['--home', home, 'init', '--name', name, '--keys', 'none', ...LOOPBACK]
  expect(await program(argv)).toMatchObject({ exit: 0 })
  stopAfterTest(home)
}

async function up(home: string): Promise<number> {
  const ran = await program(['--home', home, 'up', '--detach', '--json'])
  expect(ran).toMatchObject({ exit: 0, stderr: '' })
  return pidOf(home)
}

async function firstLine(running: { readonly stdout: () => string }): Promise<string> {
  await expect.poll(running.stdout, { timeout: 20_000 }).toContain('\n')
  return running.stdout().split('\n')[0] ?? ''
}

interface Inbox {
  readonly messages: readonly { readonly message: { readonly text: string } }[]
}

test('two people meet, one is killed, a mailbox keeps the messages, nothing is lost', async () => {
  const folder = await temporaryFolder()
  const [ada, bob, box] = ['ada', 'bob', 'box'].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ]
  const mailbox = start(['--home', box, 'mailbox', 'host', '--listen', '/ip4/127.0.0.1/tcp/0'])
  const link = await firstLine(mailbox)
  expect(link).toMatch(/^SOTTO:M\/1\//)

  await init(ada, 'ada')
  await init(bob, 'bob')
  await up(ada)
  const bobPid = await up(bob)
  expect((await stat(join(bob, 'run', 'sock'))).mode & 0o777).toBe(0o600)
  expect((await stat(join(bob, 'log', 'node.log'))).mode & 0o777).toBe(0o600)

  expect(await program(['--home', bob, 'mailbox', 'use', '-'], link)).toMatchObject({ exit: 0 })
  const [adaLink, bobLink] = await Promise.all(
    [ada, bob].map(async (home) => (await program(['--home', home, 'id', '--link'])).stdout.trim()),
  )
  await program(['--home', ada, 'contact', 'add', bobLink ?? '', '--name', 'bob'])
  await program(['--home', bob, 'contact', 'add', adaLink ?? '', '--name', 'ada'])

  const number = json(await program(['--home', ada, 'contact', 'verify', 'bob', '--json']))
  const compared = ['--home', bob, 'contact', 'verify', 'ada', '--number', String(number['number'])]
  expect(await program(compared)).toMatchObject({
    exit: 0,
    stdout: expect.stringContaining('verified ◆'),
  })

  const hello = ['--home', ada, 'send', 'bob', 'hello', '--wait', 'delivered']
  expect(await program(hello)).toMatchObject({
    exit: 0,
    stdout: expect.stringMatching(/^✓ delivered {2}bob/),
  })
  process.kill(bobPid, 'SIGKILL')
  await expect.poll(() => answers(join(bob, 'run', 'sock'))).toBe(false)

  const away = await program(['--home', ada, 'send', 'bob', 'while away'])
  expect(away).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^↑ in mailbox {2}bob/) })

  // The socket of the killed node is still there.
  await up(bob)
  const texts: string[] = []
  await expect
    .poll(
      async () => {
        const { messages } = JSON.parse(
          (await program(['--home', bob, 'inbox', '--json'])).stdout,
        ) as Inbox
        texts.push(...messages.map(({ message }) => message.text))
        return texts
      },
      { timeout: 20_000, interval: 200 },
    )
    .toEqual(['hello', 'while away'])

  const log = await readFile(join(bob, 'log', 'node.log'), 'utf8')
  expect(log).toContain('node started')
  for (const canary of ['ada', 'bob ', '12D3KooW', 'SOTTO:', 'while away', '127.0.0.1']) {
    expect(log).not.toContain(canary)
  }
  expect(await program(['--home', bob, 'down'])).toMatchObject({ exit: 0 })
  mailbox.child.kill('SIGTERM')
  expect(await mailbox.ended).toMatchObject({ exit: 143, stdout: `${link}\n` })
})

test('a node in the foreground ends cleanly with its signal, and another one is refused meanwhile', async () => {
  const home = await temporaryFolder()
  await init(home, 'ada')
  const first = start(['--home', home, 'up', '--json'])
  const ready: { pid: number } = JSON.parse(await firstLine(first))
  expect(ready.pid).toBe(first.child.pid)
  const second = await program(['--home', home, 'up'])
  expect(second).toMatchObject({ exit: 8, stderr: expect.stringContaining(`pid ${ready.pid}`) })
  first.child.kill('SIGINT')
  expect(await first.ended).toMatchObject({
    exit: 130,
    stderr: 'node started\nstopping\nnode stopped\n',
  })
  expect(await program(['--home', home, '--via', 'daemon', 'status'])).toMatchObject({ exit: 8 })
  expect(await program(['--home', home, 'status'])).toMatchObject({ exit: 0 })
})

test('two commands at once on a folder without a node: the second waits for the first', async () => {
  const home = await temporaryFolder()
  await init(home, 'ada')
  const both = await Promise.all([
    program(['--home', home, 'contact', 'list', '--json']),
    program(['--home', home, 'contact', 'list', '--json']),
  ])
  expect(both).toMatchObject([
    { exit: 0, stdout: '{"v":1,"contacts":[]}\n' },
    { exit: 0, stdout: '{"v":1,"contacts":[]}\n' },
  ])
})

test('a sealed identity opens with its passphrase only, in the background too', async () => {
  const home = await temporaryFolder()
  const make = ['--home', home, 'init', '--name', 'ada', '--passphrase-file', '-', ...LOOPBACK]
  expect(await program(make, 'correct horse\n')).toMatchObject({ exit: 0 })
  stopAfterTest(home)
  const wrong = await program(['--home', home, '--passphrase-file', '-', 'id'], 'wrong\n')
  expect(wrong).toMatchObject({ exit: 10, stdout: '' })
  expect(wrong.stderr).toMatch(/wrong passphrase[^]*\[BAD_PASSPHRASE, exit 10\]/)
  expect(await program(['--home', home, 'id'])).toMatchObject({
    exit: 2,
    stderr: expect.stringContaining('--passphrase-file'),
  })
  const detached = ['--home', home, '--passphrase-file', '-', 'up', '--detach']
  expect(await program(detached, 'wrong\n')).toMatchObject({
    exit: 10,
    stderr: expect.stringContaining('BAD_PASSPHRASE'),
  })
  expect(await program(detached, 'correct horse\n')).toMatchObject({ exit: 0 })
  // Whoever can reach the socket needs no passphrase: the node has it open.
  expect(await program(['--home', home, 'id'])).toMatchObject({ exit: 0 })
  expect(await program(['--home', home, 'down'])).toMatchObject({ exit: 0 })
})

test.each([
  ['up', ['up', '--listen', '/ip4/999.1.1.1/tcp/1']],
  ['mailbox host', ['mailbox', 'host', '--listen', 'nonsense']],
])('%s with a wrong address is one clear error', async (_, argv) => {
  const home = await temporaryFolder()
  if (argv[0] === 'up') await init(home, 'ada')
  const ran = await program(['--home', home, ...argv])
  expect(ran).toMatchObject({ exit: 2, stdout: '' })
  expect(ran.stderr).toMatch(/--listen|listen.*address/)
  expect(ran.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
})

test('a mailbox serves health and metrics where it is told to, and its log follows its link', async () => {
  const home = await temporaryFolder()
  const argv = ['mailbox', 'host', '--json', '--listen', '/ip4/127.0.0.1/tcp/0']
  const watch = ['--metrics', '127.0.0.1:0', '--log', 'info']
  const mailbox = start(['--home', home, ...argv, ...watch])
  const { monitor } = JSON.parse(await firstLine(mailbox)) as { readonly monitor: string }
  const ready = await fetch(`${monitor}/readyz`)
  expect([ready.status, await ready.text()]).toEqual([200, 'ok\n'])
  expect(await (await fetch(`${monitor}/metrics`)).text()).toContain('sotto_mailbox_balance 0')
  mailbox.child.kill('SIGINT')
  const { stdout } = await mailbox.ended
  const [, ...lines] = stdout.trimEnd().split('\n')
  const events = lines.map((line) => (JSON.parse(line) as { readonly event: string }).event)
  expect(events).toEqual(['start', 'stop'])
})

test.each([
  ['--metrics', 'nowhere'],
  ['--log', 'loud'],
])('%s %s is refused', async (flag, value) => {
  const home = await temporaryFolder()
  const ran = await program(['--home', home, 'mailbox', 'host', flag, value])
  expect(ran).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining(flag) })
})

test('a reader that goes away is no reason for a stack trace', async () => {
  const version = start(['--version'])
  version.child.stdout?.destroy()
  expect((await version.ended).stderr).toBe('')
})
