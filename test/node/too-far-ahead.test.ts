import { expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { wipeAll } from '../../protocol/secret.ts'
import { encryptMessage, type Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import {
  ChatWorld,
  conversation,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

function sending(of: Person, other: Person): Session {
  const { sessions, contact } = conversation(of, other)
  const session = sendingSession(sessions, contact.handshakes)
  if (session === undefined) throw new Error('no session')
  return session
}

test('a session that is 10 000 messages ahead is replaced, and the chat goes on', async () => {
  const clock = new ManualClock()
  const world = await ChatWorld.create('far ahead', clock)
  const [ada, bob] = [await world.person('ada'), await world.person('bob')]
  await introduce(ada, bob)
  await settle()
  await ada.node.conversation('bob').send('hello')
  await settle()
  await bob.node.conversation('ada').send('hello, ada')
  await clock.advance(MINUTE)
  const before = toHex(sending(ada, bob).id)
  const why: string[] = []
  bob.node.on('contact.renewal', ({ reason }) => why.push(reason))

  await conversation(ada, bob).step((draft) => {
    const options = { now: clock.now(), random: ada.core.random }
    let session = sending(ada, bob)
    for (let i = 0; i < 10_000; i++) {
      const { next, spent } = encryptMessage(session, new Uint8Array(4), options)
      if (i > 0) wipeAll(spent) // those of the first are still what a failed step would go on with
      session = next
    }
    draft.replaceSession(sending(ada, bob), session)
  })
  await ada.node.conversation('bob').send('from far away')
  await clock.advance(2 * MINUTE)
  expect(bob.core.inbox.counts.get('too-far-ahead')).toBe(1)
  expect(why).toEqual(['too-far-ahead'])
  expect(toHex(sending(ada, bob).id)).not.toBe(before)
  expect(toHex(sending(bob, ada).id)).toBe(toHex(sending(ada, bob).id))

  await ada.node.conversation('bob').send('and from near')
  await clock.advance(MINUTE)
  expect(await texts(bob, ada)).toContain('and from near')
  await clock.advance(26 * HOUR)
  expect((await received(bob)).map(({ text }) => text).toSorted()).toEqual(
    ['and from near', 'from far away', 'hello'].toSorted(),
  )
  expect(conversation(bob, ada).contact.gaps).toEqual([])
})
