import { beforeEach, describe, expect, test } from 'vitest'
import type { Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import type { Message, MessageProtection } from '../../node/api.ts'
import { wantRenewal } from '../../node/renewal.ts'
import {
  ChatWorld,
  conversation,
  envelopes,
  introduce,
  received,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

const LAST_RESORT: MessageProtection = {
  oneTime: false,
  postQuantum: true,
  healingStalled: false,
  freshStart: false,
  olderHandshake: false,
}

describe('the class of a message', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('protection', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
  })

  async function talk(): Promise<void> {
    await introduce(ada, bob)
    await settle()
    await ada.node.conversation('bob').send('hello')
    await settle()
    await bob.node.conversation('ada').send('hello, ada')
    await clock.advance(MINUTE)
  }

  /** What the recipient has kept of a text. */
  async function ofReceived(person: Person, text: string): Promise<Message['protection']> {
    const message = (await received(person)).find((one) => one.text === text)
    if (message === undefined) throw new Error('not received')
    return (await person.node.messages.get(message.id)).protection
  }

  test('is kept by both sides, also across restarts', async () => {
    await introduce(ada, bob)
    await settle()
    const { id } = await ada.node.conversation('bob').send('hello')
    await clock.advance(MINUTE)
    for (let life = 0; life < 2; life++) {
      expect((await ada.node.messages.get(id)).protection).toEqual(LAST_RESORT)
      expect(await ofReceived(bob, 'hello')).toEqual(LAST_RESORT)
      await world.restart(ada)
      await world.restart(bob)
    }
    const [listed] = await ada.node.messages.list('bob')
    expect(listed).toMatchObject({ protection: LAST_RESORT })
  })

  test('says that a one-time pair was used', async () => {
    const { link } = await world.mailbox()
    const used = bob.node.mailbox.use(link)
    await clock.advance(5_000)
    await used
    await introduce(ada, bob)
    await settle()
    const { id } = await ada.node.conversation('bob').send('hello')
    await clock.advance(MINUTE)
    expect((await ada.node.messages.get(id)).protection).toEqual({ ...LAST_RESORT, oneTime: true })
    expect(await ofReceived(bob, 'hello')).toEqual({ ...LAST_RESORT, oneTime: true })
  })

  test('is that of the session in which the message was sealed last; before the first there is none', async () => {
    world.directory.values.clear()
    world.network.part(ada.peer, bob.peer)
    await introduce(ada, bob)
    const { id } = await ada.node.conversation('bob').send('hello')
    await settle()
    const protection = async () => (await ada.node.messages.get(id)).protection
    expect(await protection()).toBeNull()
    world.network.join(ada.peer, bob.peer)
    world.network.filter = ({ protocol }) =>
      protocol === '/sotto/direct/1' ? 'swallow' : 'deliver'
    await clock.advance(10 * MINUTE)
    expect(await protection()).toEqual(LAST_RESORT)
    await world.restart(ada)
    expect(await protection()).toEqual(LAST_RESORT)
    const { link } = await world.mailbox()
    const used = bob.node.mailbox.use(link)
    await clock.advance(MINUTE)
    await used
    await clock.advance(25 * HOUR)
    expect(await protection()).toEqual({ ...LAST_RESORT, oneTime: true })
  })

  test('says that the session was started afresh, as it was then', async () => {
    await talk()
    await world.reinstall(bob)
    await bob.node.contacts.add(ada.peer, { name: 'ada' })
    await bob.node.conversation('ada').send('it is me again')
    await clock.advance(MINUTE)
    const { id } = await ada.node.conversation('bob').send('is it?')
    const number = ada.node.contacts.safetyNumber('bob')
    await ada.node.contacts.verify('bob', number)
    await bob.node.conversation('ada').send('it is')
    await clock.advance(MINUTE)
    expect((await ofReceived(ada, 'it is me again'))?.freshStart).toBe(true)
    expect((await ada.node.messages.get(id)).protection?.freshStart).toBe(true)
    expect((await ofReceived(ada, 'it is'))?.freshStart).toBe(false)
  })

  test('says that it came with an older handshake, of that message alone', async () => {
    await introduce(ada, bob)
    await settle()
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('first')
    await settle()
    const old = envelopes(ada, bob).slice(-1)
    await conversation(ada, bob).step((draft) => wantRenewal(draft, 'age', draft.sessions[0]))
    await ada.node.conversation('bob').send('second')
    await clock.advance(MINUTE)
    await bob.core.inbox.fromPeer(ada.account.key, envelopes(ada, bob).slice(-1))
    await bob.core.inbox.fromPeer(ada.account.key, old)
    expect(await ofReceived(bob, 'first')).toEqual({ ...LAST_RESORT, olderHandshake: true })
    expect(await ofReceived(bob, 'second')).toEqual(LAST_RESORT)
    expect(bob.node.contacts.get('ada').session?.freshStart).toBe(false)
  })

  test('says that healing is stalled, and so does the session until it is replaced', async () => {
    await talk()
    const reasons: string[] = []
    bob.node.on('contact.renewal', ({ reason }) => reasons.push(reason))
    const of = conversation(bob, ada)
    await of.step((draft) => {
      const session = sendingSession(draft.sessions, draft.contact.handshakes)
      if (session !== undefined) draft.replaceSession(session, stalled(session))
    })
    expect(bob.node.contacts.get('ada').session?.healingStalled).toBe(true)
    const { id } = await bob.node.conversation('ada').send('still there?')
    expect((await bob.node.messages.get(id)).protection?.healingStalled).toBe(true)
    await of.tend()
    await clock.advance(MINUTE)
    expect(reasons).toEqual(['stalled'])
    expect(bob.node.contacts.get('ada').session?.healingStalled).toBe(false)
    expect((await bob.node.messages.get(id)).protection?.healingStalled).toBe(true)
  })
})

/** A session whose offer was answered never, although there were many chances. */
function stalled(session: Session): Session {
  const { postQuantum } = session
  if (!('riding' in postQuantum)) throw new Error('nothing is offered')
  const riding = { ...postQuantum.riding, answeredChains: 8, messages: 200 }
  return { ...session, postQuantum: { ...postQuantum, riding } }
}
