import { PassThrough } from 'node:stream'
import { expect, test } from 'vitest'
import { FakeNode } from '../daemon/fake-node.ts'
import { Capture, profile, profileUp, sotto } from './support.ts'

async function withBob(): Promise<FakeNode> {
  const node = new FakeNode()
  await node.contacts.add('SOTTO:C/1/BOB')
  return node
}

test('lines of a pipe are sent in order, and the chat ends with the pipe', async () => {
  const node = await withBob()
  const home = await profile()
  const ran = await sotto(['--home', home, 'chat', 'bob'], { node, stdin: 'one\n\ntwo\n//three\n' })
  expect(ran.exit).toBe(0)
  expect(await node.messages.list('bob')).toMatchObject([
    { text: 'one' },
    { text: 'two' },
    { text: '/three' },
  ])
})

test('earlier messages are shown and count as read', async () => {
  const node = await withBob()
  const { id } = node.receive('bob', 'are you\nthere?')
  const { stdout } = await sotto(['--home', await profileUp(node), 'chat'], { stdin: '/quit\n' })
  expect(stdout).toMatch(/bob {2}are you\n +there\?\n/)
  expect(await node.messages.get(id)).toMatchObject({ state: 'read' })
})

test('what arrives while the chat is open is a line, and is read', async () => {
  const node = await withBob()
  const stdin = new PassThrough()
  const stdout = new Capture()
  const home = await profileUp(node)
  const chatting = sotto(['--home', home, 'chat', 'bob'], { stdin, stdout })
  stdin.write('/status\n')
  await expect.poll(() => stdout.text).toContain('queued: 0')
  const { id } = node.receive('bob', 'hello\u001b[2J')
  await expect.poll(() => stdout.text).toContain('bob  hello[2J')
  await expect.poll(async () => (await node.messages.get(id)).state).toBe('read')
  stdin.write('/bogus\n')
  await expect.poll(() => stdout.text).toContain('unknown: /bogus')
  stdin.end('/quit\n')
  expect((await chatting).exit).toBe(0)
})

test('a new state of a message is a line', async () => {
  const node = await withBob()
  node.reach = 'queued'
  const stdin = new PassThrough()
  const stdout = new Capture()
  const chatting = sotto(['--home', await profileUp(node), 'chat', 'bob'], { stdin, stdout })
  stdin.end('hi\n')
  await expect.poll(async () => (await node.messages.list('bob')).length).toBe(1)
  const contact = { id: 'c_bob', name: 'bob', trust: 'unverified' } as const
  node.emit({ type: 'message.state', contact, messageId: 'm_1', from: 'queued', to: 'stored' })
  expect((await chatting).exit).toBe(0)
  expect(stdout.text).toContain('↑ in mailbox')
})

test('a contact that starts afresh or runs twice is told of', async () => {
  const node = await withBob()
  const stdin = new PassThrough()
  const stdout = new Capture()
  const chatting = sotto(['--home', await profileUp(node), 'chat', 'bob'], { stdin, stdout })
  stdin.write('/status\n')
  await expect.poll(() => stdout.text).toContain('queued: 0')
  const contact = { id: 'c_bob', name: 'bob', trust: 'unverified' } as const
  const session = {
    ...({ startedBy: 'theirs', answered: true, oneTime: false, postQuantum: true } as const),
    healingStalled: false,
  }
  node.emit({ type: 'contact.session', contact, session: { ...session, freshStart: false } })
  node.emit({ type: 'contact.renewal', contact, reason: 'age' })
  node.emit({ type: 'contact.session', contact, session: { ...session, freshStart: true } })
  node.emit({ type: 'contact.renewal', contact, reason: 'diverged' })
  await expect.poll(() => stdout.text).toContain("old backup of bob's node")
  stdin.end('/quit\n')
  expect((await chatting).exit).toBe(0)
  expect(stdout.text.match(/started afresh/g)).toHaveLength(1)
  expect(stdout.text.match(/old backup/g)).toHaveLength(1)
})

test('a chat needs somebody, and is not for programs', async () => {
  const home = await profileUp(await withBob())
  expect((await sotto(['--home', home, 'chat', 'nobody'])).exit).toBe(3)
  expect((await sotto(['--home', home, 'chat', '--json'])).exit).toBe(2)
  const many = await withBob()
  await many.contacts.add('SOTTO:C/1/CAROL')
  expect((await sotto(['--home', await profileUp(many), 'chat'])).exit).toBe(2)
})

test('the end of the node ends the chat with exit 8', async () => {
  const home = await profileUp(await withBob())
  const stdin = new PassThrough()
  const stdout = new Capture()
  const chatting = sotto(['--home', home, 'chat', 'bob'], { stdin, stdout })
  await expect.poll(() => stdout.text).toContain('bob')
  await sotto(['--home', home, 'down'])
  expect((await chatting).exit).toBe(8)
})
