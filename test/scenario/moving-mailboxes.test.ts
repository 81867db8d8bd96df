import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually, folder, live, liveMailbox, textsOf } from '../support/live.ts'

test('a message waits at two mailboxes; one of them drains, and its member moves on', async () => {
  const dir = await folder()
  const one = await liveMailbox(join(dir, 'one'))
  const two = await liveMailbox(join(dir, 'two'))
  const three = await liveMailbox(join(dir, 'three'))
  const bob = await live(dir, 'bob')
  await bob.mailbox.use(one.link)
  await bob.mailbox.use(two.link)
  const ada = await live(dir, 'ada')
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  await (await ada.conversation('bob').send('before')).until('delivered', { timeout: 20_000 })
  await bob.stop()

  const sent = await ada.conversation('bob').send('twice')
  await sent.until('stored', { timeout: 20_000 })
  const waiting = async (): Promise<readonly number[]> =>
    Promise.all([one, two].map(async (host) => (await host.status()).waiting))
  await eventually(async () => (await waiting()).every((count) => count > 0))

  await one.operator.drain(three.link)
  const back = await live(dir, 'bob')
  await sent.until('delivered', { timeout: 20_000 })
  expect(await textsOf(back, 'ada')).toEqual(['before', 'twice'])
  await eventually(() => back.mailbox.list().some(({ retiring }) => retiring !== null))
  await back.mailbox.move(three.link, { from: one.peer })
  await back.mailbox.leave(one.peer, { now: true })
  await eventually(async () => (await one.status()).members === 0)
  await eventually(() => back.mailbox.list().length === 2)
  const peers = back.mailbox.list().map(({ peer }) => peer)
  expect(new Set(peers)).toEqual(new Set([two.peer, three.peer]))
  for (const { serves } of await back.mailbox.test()) expect(serves).toBe('current')
  expect(await one.status()).toMatchObject({ draining: true, waiting: 0 })
})
