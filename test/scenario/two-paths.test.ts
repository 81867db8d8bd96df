import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { eventually, folder, live, liveMailbox, textsOf } from '../support/live.ts'

test('the same envelope by the mailbox and by the direct stream is shown once', async () => {
  const dir = await folder()
  const mailbox = await liveMailbox(dir)
  const listen = mailbox.addresses.map((address) => address.replace(/\/p2p\/.*$/, ''))
  const bob = await live(dir, 'bob')
  await bob.mailbox.use(mailbox.link)
  const ada = await live(dir, 'ada')
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  await (await ada.conversation('bob').send('before')).until('delivered', { timeout: 20_000 })
  const bobs = bob.status.addresses.map((address) => address.replace(/\/p2p\/.*$/, ''))
  await bob.stop()
  await mailbox.stop()

  // An envelope that is nowhere yet, and the folder as it is now a second time.
  const { id } = await ada.conversation('bob').send('twice')
  await ada.stop()
  await cp(join(dir, 'ada'), join(dir, 'ada again'), { recursive: true })

  // First to the mailbox …
  const first = await liveMailbox(dir, listen)
  const giver = await live(dir, 'ada')
  await eventually(async () => (await giver.messages.get(id)).state === 'stored')
  await giver.stop()
  const { waiting } = await first.status()
  expect(waiting).toBeGreaterThan(0)
  await first.stop()

  // … then, from the copy that knows nothing of it, directly.
  const back = await live(dir, 'bob', { listen: bobs })
  const shown: string[] = []
  back.on('message.received', ({ message }) => void shown.push(message.text))
  const again = await live(dir, 'ada again')
  await eventually(async () => (await again.messages.get(id)).state === 'delivered')
  expect((await again.messages.get(id)).states.at(-1)?.path).toBe('direct')

  // Now the mailbox hands over what it has.
  const second = await liveMailbox(dir, listen)
  expect((await second.status()).waiting).toBe(waiting)
  await eventually(async () => (await second.status()).waiting === 0)
  expect(await textsOf(back, 'ada')).toEqual(['before', 'twice'])
  expect(shown).toEqual(['twice'])
})
