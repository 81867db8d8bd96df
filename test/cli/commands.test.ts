import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createHome } from '../../net/platform/home.ts'
import { SottoError } from '../../node/errors.ts'
import { FakeNode, NUMBER } from '../daemon/fake-node.ts'
import { json, profile, profileUp, sotto, temporaryFolder } from './support.ts'
import type { Ran, RunOptions } from './support.ts'

async function withBob(): Promise<FakeNode> {
  const node = new FakeNode()
  await node.contacts.add('SOTTO:C/1/BOB')
  return node
}

/** Runs a command with a node that is up, and with one of its own. */
async function both(
  make: () => Promise<FakeNode>,
  argv: readonly string[],
  options: Pick<RunOptions, 'stdin'> = {},
): Promise<readonly [Ran, Ran]> {
  const up = await profileUp(await make())
  const down = await profile()
  return [
    await sotto(['--home', up, '--via', 'daemon', ...argv], options),
    await sotto(['--home', down, ...argv], { ...options, node: await make() }),
  ]
}

/** The end of the PeerId of the fake node's mailbox. */
const BOX = 'Box'

async function withBox(): Promise<FakeNode> {
  const node = await withBob()
  await node.mailbox.use('SOTTO:M/1/BOX')
  return node
}

async function withUnread(): Promise<FakeNode> {
  const node = await withBob()
  node.receive('bob', 'yes, one is fine\u001b[2J')
  return node
}

async function withWrongClock(): Promise<FakeNode> {
  const node = new FakeNode()
  node.clock = 'ahead'
  return node
}

test.each([
  ['id', 'id', async () => new FakeNode()],
  ['id --qr', 'id --qr', async () => new FakeNode()],
  ['contact add', 'contact add SOTTO:C/1/CAROL --name carol', withBob],
  ['contact list', 'contact list', withBob],
  ['contact verify', 'contact verify bob', withBob],
  ['contact verify --number', `contact verify bob --number ${NUMBER}`, withBob],
  ['contact block', 'contact block bob', withBob],
  ['contact unblock', 'contact unblock bob', withBob],
  ['send', 'send bob hello --wait delivered', withBob],
  ['inbox', 'inbox', withUnread],
  ['mailbox use', 'mailbox use SOTTO:M/1/BOX', withBob],
  ['mailbox list', 'mailbox list', withBox],
  ['mailbox move', 'mailbox move SOTTO:M/1/NEW', withBox],
  ['mailbox leave', `mailbox leave ${BOX}`, withBox],
  ['mailbox leave --now', `mailbox leave ${BOX} --now`, withBox],
  ['mailbox test', 'mailbox test', withBox],
  ['node clock', 'node clock', withWrongClock],
  ['node clock --confirm', 'node clock --confirm', withWrongClock],
  ['node rotate', 'node rotate', async () => new FakeNode()],
])(
  '%s prints the same JSON with a node that is up and with one of its own',
  async (_, line, make) => {
    const argv = ['--json', ...line.split(' ')]
    const [daemon, embedded] = await both(make, argv)
    expect(daemon.exit).toBe(0)
    expect(json(daemon)).toMatchObject({ v: 1 })
    expect(embedded).toEqual(daemon)
  },
)

test.each([
  ['unknown contact', 'send nobody hi', 3, 'CONTACT_NOT_FOUND'],
  ['bad link', 'contact add HTTP://x', 2, 'INVALID_ARGUMENT'],
  ['blocking somebody unknown', 'contact block nobody', 3, 'CONTACT_NOT_FOUND'],
  ['wrong number', 'contact verify bob --number 123', 4, 'SAFETY_NUMBER_MISMATCH'],
])('%s fails the same in both ways', async (_, line, exit, code) => {
  const [daemon, embedded] = await both(withBob, ['--json', ...line.split(' ')])
  expect(daemon.exit).toBe(exit)
  expect(daemon.stdout).toBe('')
  expect(JSON.parse(daemon.stderr)).toMatchObject({ v: 1, error: { code, exit } })
  expect(embedded).toEqual(daemon)
})

test('status tells the same but whether the node stays up', async () => {
  const [daemon, embedded] = await both(withBob, ['--json', 'status'])
  expect({ ...json(daemon), up: false }).toEqual(json(embedded))
  expect(json(daemon)['up']).toBe(true)
})

test('people get text: a state with glyph and word, ids, and the path', async () => {
  const [daemon] = await both(withBob, ['send', 'bob', 'lunch?', '--wait', 'delivered'])
  expect(daemon.stdout).toBe('✓ delivered  bob  m_1  direct  84 ms\n')
  const [ascii] = await both(withBob, ['send', 'bob', 'lunch?', '--ascii'])
  expect(ascii.stdout).toMatch(/^v delivered {2}bob/)
})

test('what other people wrote cannot steer the terminal', async () => {
  const [daemon] = await both(withUnread, ['inbox'])
  expect(daemon.stdout).toContain('yes, one is fine[2J')
  expect(daemon.stdout).not.toContain('\u001b')
})

test('inbox shows once what is new, and again with --keep-unread', async () => {
  const node = await withUnread()
  const home = await profileUp(node)
  expect((await sotto(['--home', home, 'inbox', '--keep-unread'])).stdout).toContain('one is fine')
  expect((await sotto(['--home', home, 'inbox'])).stdout).toContain('one is fine')
  const again = await sotto(['--home', home, 'inbox'])
  expect(again).toMatchObject({ exit: 0, stdout: '', stderr: 'Nothing new.\n' })
  expect((await sotto(['--home', home, 'inbox', '--json'])).stdout).toBe('{"v":1,"messages":[]}\n')
})

test('an inbox of more than one page comes whole and in order', async () => {
  const node = await withBob()
  for (let i = 0; i < 450; i++) node.receive('bob', `message ${i}`)
  const home = await profileUp(node)
  const { messages } = JSON.parse((await sotto(['--home', home, '--json', 'inbox'])).stdout)
  expect(messages.map((item: { message: { text: string } }) => item.message.text)).toEqual(
    Array.from({ length: 450 }, (_, i) => `message ${i}`),
  )
})

test('large messages come in pages that fit a frame', async () => {
  const node = await withBob()
  for (let i = 0; i < 20; i++) node.receive('bob', `${i}${'é'.repeat(60_000)}`)
  const home = await profileUp(node)
  const { messages } = JSON.parse((await sotto(['--home', home, '--json', 'inbox'])).stdout)
  expect(messages).toHaveLength(20)
})

test('text comes from stdin, without its last line feed, and is bounded', async () => {
  const node = await withBob()
  const home = await profile()
  const argv = ['--home', home, 'send', 'bob', '-']
  expect((await sotto(argv, { node, stdin: 'piped\ntext\n' })).exit).toBe(0)
  expect(await node.messages.list('bob')).toMatchObject([{ text: 'piped\ntext' }])
  expect((await sotto(argv, { node, stdin: 'x'.repeat(65_537) })).exit).toBe(7)
  expect((await sotto(argv, { node, stdin: '' })).exit).toBe(2)
})

test('stdin cannot be two things at once', async () => {
  const home = await temporaryFolder()
  const node = await withBob()
  const argv = ['--home', home, 'init', '--name', 'ada', '--passphrase-file', '-']
  await sotto(argv, { stdin: 'secret' })
  const sealed = ['--home', home, '--passphrase-file', '-', 'send', 'bob', '-']
  const ran = await sotto(sealed, { node, stdin: 'secret', unlocks: true })
  expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('cannot be both') })
})

test('a clock that jumped is shown with what to do, and confirmed', async () => {
  const node = await withWrongClock()
  const home = await profileUp(node)
  expect((await sotto(['--home', home, 'status'])).stdout).toMatch(/^Clock +has jumped ahead/m)
  const asked = await sotto(['--home', home, 'node', 'clock'])
  expect(asked.stdout).toMatch(/^clock has jumped ahead/)
  expect(asked.stderr).toContain('node clock --confirm')
  expect(node.clock).toBe('ahead')
  const confirmed = await sotto(['--home', home, '--json', 'node', 'clock', '--confirm'])
  expect(json(confirmed)).toMatchObject({ clock: 'agreed' })
  expect(node.clock).toBe('agreed')
  expect((await sotto(['--home', home, 'status'])).stdout).not.toMatch(/^Clock/m)
})

test('another running copy of the account is shown', async () => {
  const node = new FakeNode()
  const home = await profileUp(node)
  await node.mailbox.use('SOTTO:M/1/BOX')
  expect((await sotto(['--home', home, 'status'])).stdout).not.toMatch(/^Copies/m)
  node.copies = 2
  await node.mailbox.use('SOTTO:M/1/BOX')
  expect((await sotto(['--home', home, 'status'])).stdout).toMatch(/^Copies +2 more/m)
})

test('a mailbox that broke its promise, and damaged records, are shown', async () => {
  const node = new FakeNode()
  const home = await profileUp(node)
  await node.mailbox.use('SOTTO:M/1/BOX')
  const before = (await sotto(['--home', home, 'status'])).stdout
  expect(before).not.toMatch(/twice|^Damaged/m)
  node.broken = true
  node.damages.note({ what: 'session', key: 'session/1' })
  await node.mailbox.use('SOTTO:M/1/BOX')
  const { stdout } = await sotto(['--home', home, 'status'])
  expect(stdout).toMatch(/^Mailbox .* gave a one-time key away twice/m)
  expect(stdout).toMatch(/^Damaged +1 session/m)
})

test('a store that cannot be written is shown, with the reason and since when', async () => {
  const node = new FakeNode()
  const home = await profileUp(node)
  expect((await sotto(['--home', home, 'status'])).stdout).not.toMatch(/^Store/m)
  node.store = { problem: 'read-only', since: Date.UTC(2026, 10, 22, 9, 30) }
  const { stdout } = await sotto(['--home', home, 'status'])
  expect(stdout).toMatch(/^Store +the folder is read-only, since 2026-11-22T09:30: nothing is/m)
  const view = json(await sotto(['--home', home, '--json', 'status']))
  expect(view).toMatchObject({
    status: { store: { problem: 'read-only', since: '2026-11-22T09:30:00.000Z' } },
  })
})

test('a mailbox that was restored from a backup says since when', async () => {
  const node = new FakeNode()
  node.restoredAt = Date.UTC(2026, 10, 22)
  await node.mailbox.use('SOTTO:M/1/BOX')
  const ran = await sotto(['--home', await profileUp(node), 'mailbox', 'list'])
  expect(ran.stdout).toContain('in use, restored from a backup on 2026-11-22')
})

test('keys are rotated when that is asked for', async () => {
  const node = new FakeNode()
  const home = await profileUp(node)
  const ran = await sotto(['--home', home, 'node', 'rotate'])
  expect(ran.stdout).toContain('new prekeys, in bundle 4')
  expect(node.rotations).toBe(1)
})

test('a sealed mailbox with nobody to ask for the passphrase says which flag gives it', async () => {
  const dir = join(await temporaryFolder(), 'box')
  const work = { memoryKiB: 8 * 1024, passes: 1, lanes: 1 }
  await (await createHome(dir, { passphrase: 'secret', work })).close()
  const ran = await sotto(['--home', dir, '--no-input', 'mailbox', 'host'])
  expect(ran).toMatchObject({ exit: 2, stderr: expect.stringContaining('--passphrase-file') })
})

test('a state not reached in time exits 6, names the message, and leaves it queued', async () => {
  const node = await withBob()
  node.reach = 'stored'
  const home = await profileUp(node)
  const argv = ['--home', home, 'send', 'bob', 'hi', '--wait', 'delivered', '--timeout', '20ms']
  const people = await sotto(argv)
  expect(people.exit).toBe(6)
  expect(people.stdout).toBe('↑ in mailbox  bob  m_1  kept until 2026-12-05\n')
  expect(people.stderr).toMatch(/not reached in 20 ms[^]*keeps trying.*\[WAIT_TIMEOUT, exit 6\]/)
  const program = await sotto([...argv, '--json'])
  expect(json(program)).toMatchObject({ message: { id: 'm_2', state: 'stored' } })
  expect(JSON.parse(program.stderr)).toMatchObject({ error: { code: 'WAIT_TIMEOUT', exit: 6 } })
})

test('a node of its own says how to keep trying', async () => {
  const node = await withBob()
  node.reach = 'queued'
  const home = await profile()
  const { stderr } = await sotto(['--home', home, 'send', 'bob', 'hi', '--timeout', '1ms'], {
    node,
  })
  expect(stderr).toContain(`sotto --home ${home} up --detach`)
  expect(node.stopped).toBe(true)
})

test('--wait queued is kept by the disk alone', async () => {
  const node = await withBob()
  node.reach = 'queued'
  const home = await profile()
  const ran = await sotto(['--home', home, 'send', 'bob', 'hi', '--wait', 'queued'], { node })
  expect(ran).toMatchObject({ exit: 0, stdout: '· queued  bob  m_1\n' })
})

test('init makes an identity, keeps the network flags, and refuses to do it twice', async () => {
  const home = join(await temporaryFolder(), '')
  const argv = ['--home', home, 'init', '--name', 'ada', '--keys', 'none', '--no-lan']
  const ran = await sotto([...argv, '--listen', '/ip4/127.0.0.1/tcp/0', '--json'])
  expect(json(ran)).toMatchObject({ v: 1, name: 'ada', keys: 'none', home })
  expect(JSON.parse(await readFile(join(home, 'settings.json'), 'utf8'))).toEqual({
    listen: ['/ip4/127.0.0.1/tcp/0'],
    lan: false,
  })
  expect((await sotto(argv)).exit).toBe(7)
})

test('the settings of init reach the node of a command', async () => {
  const home = await temporaryFolder()
  await sotto([
    '--home',
    home,
    'init',
    '--name',
    'a',
    '--keys',
    'none',
    '--no-lan',
    '--replication',
    '3',
  ])
  let network: unknown
  await sotto(['--home', home, 'id'], { onCreate: (options) => (network = options.network) })
  expect(network).toEqual({ lan: false, replication: 3 })
})

test('the passphrase comes from a file or stdin, its first line only', async () => {
  const home = await temporaryFolder()
  const argv = ['--home', home, 'init', '--name', 'ada', '--passphrase-file', '-']
  expect((await sotto(argv, { stdin: 'correct horse\nrest\n' })).exit).toBe(0)
  expect(await readFile(join(home, 'identity.sealed'), 'utf8')).toBe('correct horse')
})

test('a question that cannot be asked is a usage error that names the flag', async () => {
  const home = await temporaryFolder()
  const noName = await sotto(['--home', home, 'init'])
  expect(noName).toMatchObject({ exit: 2, stderr: expect.stringContaining('--name') })
  const noKeys = await sotto(['--home', home, 'init', '--name', 'ada'])
  expect(noKeys).toMatchObject({ exit: 2, stderr: expect.stringContaining('--keys none') })
  const other = await profileUp(await withBob())
  const verify = await sotto(['--home', other, 'contact', 'verify', 'bob', '--no-input'])
  expect(verify).toMatchObject({ exit: 2, stderr: expect.stringContaining('--number') })
  expect(verify.stdout).toContain('28417 90335')
})

test('at a terminal a person compares and answers', async () => {
  const home = await profileUp(await withBob())
  const argv = ['--home', home, 'contact', 'verify', 'bob', '--no-color']
  const yes = await sotto(argv, { terminal: true, stdin: 'y\n' })
  expect(yes.exit).toBe(0)
  expect(yes.stdout).toContain('bob verified ◆ (number, 2026-11-21)')
  const no = await sotto(argv, { terminal: true, stdin: 'n\n' })
  expect(no.exit).toBe(4)
})

test.each([
  ['BAD_PASSPHRASE', 10],
  ['DISK_FULL', 9],
  ['STORE_UNAVAILABLE', 9],
  ['NEWER_FORMAT', 9],
  ['STORE_DAMAGED', 9],
] as const)('%s when a node opens exits %i', async (code, exit) => {
  const failure = new SottoError(code, 'told by the library', { hint: 'do this' })
  const ran = await sotto(['--home', await profile(), 'status'], { failure })
  expect(ran).toMatchObject({ exit, stdout: '' })
  expect(ran.stderr).toBe(`✗ told by the library\n  do this  [${code}, exit ${exit}]\n`)
})

test('a store locked by a silent process is exit 8', async () => {
  const failure = new SottoError('STORE_LOCKED', 'locked')
  const home = await profile()
  const ran = await sotto(['--home', home, '--via', 'embedded', 'status'], { failure })
  expect(ran).toMatchObject({ exit: 8, stderr: expect.stringContaining('does not answer') })
})

test('no identity, no node, and a second node each say what to do', async () => {
  const empty = await temporaryFolder()
  const none = await sotto(['--home', empty, 'status'])
  expect(none).toMatchObject({ exit: 3, stderr: expect.stringContaining(`--home ${empty} init`) })
  const down = await profile()
  const absent = await sotto(['--home', down, '--via', 'daemon', 'status'])
  expect(absent).toMatchObject({ exit: 8, stderr: expect.stringContaining('up --detach') })
  const up = await profileUp(new FakeNode())
  const second = await sotto(['--home', up, 'up'])
  expect(second).toMatchObject({ exit: 8, stderr: expect.stringContaining(`(pid ${process.pid})`) })
})

test('down stops the node and waits until it is gone', async () => {
  const home = await profileUp(new FakeNode())
  expect(await sotto(['--home', home, 'down'])).toMatchObject({ exit: 0 })
  expect(await sotto(['--home', home, 'down'])).toMatchObject({ exit: 8 })
})

test.each([
  ['an unknown flag', ['send', 'bob', 'hi', '--wiat', 'read'], '--wait'],
  ['an unknown command', ['sned', 'bob', 'hi'], 'send'],
  ['a missing argument', ['send', 'bob'], 'TEXT'],
  ['one too many', ['contact', 'list', 'x'], 'x'],
  ['a bad choice', ['send', 'bob', 'hi', '--wait', 'never'], 'queued'],
])('%s is one clear error, exit 2, nothing on stdout', async (_, argv, part) => {
  const ran = await sotto(argv)
  expect(ran).toMatchObject({ exit: 2, stdout: '', stderr: expect.stringContaining(part) })
  expect(ran.stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2)
  const program = await sotto([...argv, '--json'])
  expect(JSON.parse(program.stderr)).toMatchObject({ error: { code: 'INVALID_ARGUMENT', exit: 2 } })
})

test('parser errors do not repeat links', async () => {
  const { stderr } = await sotto(['contact', 'add', 'SOTTO:C/1/A', 'sotto:m/1/SECRET'])
  expect(stderr).not.toContain('SECRET')
  const name = await sotto(['SOTTO:M/1/SECRET'])
  expect(name.stderr).not.toContain('SECRET')
})

test('help and version win over everything else on the line', async () => {
  const root = await sotto([])
  expect(root).toMatchObject({ exit: 0, stderr: '' })
  expect(root.stdout).toContain('--passphrase-file')
  const command = await sotto(['send', '--bogus', '-h'])
  expect(command).toMatchObject({ exit: 0, stderr: '' })
  expect(command.stdout).toContain('--wait')
  expect((await sotto(['contact', 'add', 'x', '--help'])).stdout).toContain('LINK')
  expect((await sotto(['--version'])).stdout).toMatch(/^sotto \d+\.\d+\.\d+\n$/)
})

test('aliases', async () => {
  const home = await profileUp(await withUnread())
  expect((await sotto(['--home', home, 'rx'])).stdout).toContain('one is fine')
  expect((await sotto(['--home', home, 'contact', 'ls'])).stdout).toContain('bob')
  expect((await sotto(['--home', home, 'tx', 'bob', '--', '--json'])).exit).toBe(0)
})
