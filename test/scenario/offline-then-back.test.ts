import { expect, test } from 'vitest'
import { eventually, folder, live, liveMailbox, textsOf } from '../support/live.ts'

test('what is sent to somebody who is away waits in the mailbox and arrives once, in order', async () => {
  const dir = await folder()
  const mailbox = await liveMailbox(dir)
  const bob = await live(dir, 'bob')
  await bob.mailbox.use(mailbox.link)
  const ada = await live(dir, 'ada')
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  await (await ada.conversation('bob').send('before')).until('delivered', { timeout: 20_000 })
  await bob.stop()

  const before = Date.now()
  const sent = []
  for (const text of ['one', 'two', 'three']) sent.push(await ada.conversation('bob').send(text))
  for (const message of sent) await message.until('stored', { timeout: 20_000 })
  for (const { id } of sent) {
    const { states } = await ada.messages.get(id)
    expect(states.map(({ state, path }) => [state, path])).toEqual([
      ['queued', undefined],
      ['stored', 'mailbox'],
    ])
    expect(states[1]?.keptUntil).toBeGreaterThan(before)
  }
  expect((await mailbox.status()).waiting).toBeGreaterThanOrEqual(3)

  const back = await live(dir, 'bob')
  for (const message of sent) await message.until('delivered', { timeout: 20_000 })
  expect(await textsOf(back, 'ada')).toEqual(['before', 'one', 'two', 'three'])
  await eventually(async () => (await mailbox.status()).waiting === 0)
})

test('two who are never there at the same time talk through their mailbox', async () => {
  const dir = await folder()
  const mailbox = await liveMailbox(dir)
  const links = new Map<string, string>()
  for (const name of ['ada', 'bob']) {
    const node = await live(dir, name)
    await node.mailbox.use(mailbox.link)
    links.set(name, node.id.link)
    await node.stop()
  }
  for (const [name, other] of [
    ['ada', 'bob'],
    ['bob', 'ada'],
  ] as const) {
    const node = await live(dir, name)
    await node.contacts.add(links.get(other) ?? '', { name: other })
    await node.stop()
  }

  const first = await live(dir, 'ada')
  const one = await first.conversation('bob').send('one')
  await one.until('stored', { timeout: 20_000 })
  await first.stop()
  const bob = await live(dir, 'bob')
  await eventually(async () => (await textsOf(bob, 'ada')).length === 1)
  await (await bob.conversation('ada').send('two')).until('stored', { timeout: 20_000 })
  await bob.stop()
  const ada = await live(dir, 'ada')
  await eventually(async () => (await textsOf(ada, 'bob')).length === 2)
  expect(await textsOf(ada, 'bob')).toEqual(['one', 'two'])

  // What bob owes is sent when he is there again.
  await live(dir, 'bob')
  await eventually(async () => (await ada.messages.get(one.id)).state === 'delivered')
})
