import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { createBackup, restoreBackup, verifyBackup, type EventOf } from '../../node/index.ts'
import { eventually, folder, live, liveMailbox, textsOf } from '../support/live.ts'

const NEVER = (): Promise<string> => Promise.reject(new Error('nobody is asked'))

test('a node is backed up while it runs, lost, and restored: it begins again with its contacts, and nothing of the backup is lost', async () => {
  const dir = await folder()
  const mailbox = await liveMailbox(dir)
  const ada = await live(dir, 'ada')
  await ada.mailbox.use(mailbox.link)
  const bob = await live(dir, 'bob')
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await ada.contacts.verify('bob', ada.contacts.safetyNumber('bob'))
  const say = async (from: typeof ada, to: string, text: string) =>
    (await from.conversation(to).send(text)).until('delivered', { timeout: 20_000 })
  await say(bob, 'ada', 'one')
  await say(ada, 'bob', 'two')

  const file = join(dir, 'a.age')
  const identity = await generateX25519Identity()
  const seal = { recipients: [await identityToRecipient(identity)] }
  const profile = { dir: join(dir, 'ada') }
  const made = await createBackup({ profile, file, seal })
  expect(made).toMatchObject({ peer: ada.id.peer, contacts: 1, messages: 2, damaged: 0 })
  const key = { identities: [identity] }
  expect(await verifyBackup({ file, key })).toEqual(made)

  // Written after the backup, and forgotten by the restored node; what comes while it is away is not.
  await say(ada, 'bob', 'three')
  await say(bob, 'ada', 'four')
  await ada.stop()
  await rm(join(dir, 'ada'), { recursive: true })
  await (await bob.conversation('ada').send('five')).until('stored', { timeout: 20_000 })

  const heard: EventOf<'contact.session'>[] = []
  bob.on('contact.session', (event) => void heard.push(event))
  await restoreBackup({ profile, file, key, passphrase: NEVER })
  const restored = await live(dir, 'ada')
  expect(restored.id.peer).toBe(ada.id.peer)
  expect(restored.contacts.get('bob').trust).toBe('verified')
  expect(await textsOf(restored, 'bob')).toEqual(expect.arrayContaining(['one', 'two']))
  await eventually(() => heard.some(({ session }) => session.freshStart))
  // Its mail in the mailbox was for a session that is gone: bob encrypts it again.
  await eventually(async () => (await textsOf(restored, 'bob')).includes('five'))

  await say(restored, 'bob', 'six')
  await say(bob, 'ada', 'seven')
  expect(await textsOf(bob, 'ada')).toEqual(['one', 'two', 'three', 'four', 'five', 'six', 'seven'])
  expect(await textsOf(restored, 'bob')).toEqual(['one', 'two', 'five', 'six', 'seven'])
  const entries = await restored.messages.list('bob')
  expect(entries).toContainEqual(expect.objectContaining({ kind: 'gap', from: 2, to: 2 }))
  expect(restored.mailbox.list().map(({ peer }) => peer)).toEqual([mailbox.peer])
})
