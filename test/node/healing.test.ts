import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { encryptMessage, type Session } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { peerName } from '../../net/peer-name.ts'
import { wantRenewal } from '../../node/renewal.ts'
import {
  ChatWorld,
  conversation,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

describe('sessions that go wrong', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('healing', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
  })

  function sending(of: Person, other: Person): Session {
    const { sessions, contact } = conversation(of, other)
    const session = sendingSession(sessions, contact.handshakes)
    if (session === undefined) throw new Error('no session')
    return session
  }

  function sameSession(): boolean {
    return toHex(sending(ada, bob).id) === toHex(sending(bob, ada).id)
  }

  /** Both write before they hear of each other, and what they wrote arrives without an acknowledgement. */
  async function cross(): Promise<{ readonly winner: Person; readonly loser: Person }> {
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('from ada')
    await bob.node.conversation('ada').send('from bob')
    await settle()
    const [ofAda, ofBob] = [envelopes(ada, bob), envelopes(bob, ada)]
    await bob.core.inbox.fromPeer(ada.account.key, ofAda)
    await ada.core.inbox.fromPeer(bob.account.key, ofBob)
    const adaWins = sending(ada, bob).handshake.by === 'ours'
    return adaWins ? { winner: ada, loser: bob } : { winner: bob, loser: ada }
  }

  test('first messages that cross end in one session at once', async () => {
    await cross()
    expect(sameSession()).toBe(true)
  })

  test('what got no receipt for a day goes into the session that sends, and is shown once', async () => {
    const { winner, loser } = await cross()
    const before = envelopes(loser, winner).map(toHex)
    await clock.advance(23 * HOUR)
    expect(envelopes(loser, winner).map(toHex)).toEqual(before)
    await clock.advance(2 * HOUR)
    const again = envelopes(loser, winner)
    expect(again).toHaveLength(before.length)
    expect(again.map(toHex).filter((envelope) => before.includes(envelope))).toEqual([])
    const { id } = sending(loser, winner)
    for (const { sessionId } of conversation(loser, winner).outbox.values()) {
      expect(toHex(sessionId)).toBe(toHex(id))
    }
    world.network.join(ada.peer, bob.peer)
    await clock.advance(10 * MINUTE)
    expect(conversation(loser, winner).outbox.size).toBe(0)
    expect(await received(winner)).toHaveLength(1)
    expect(await received(loser)).toHaveLength(1)
    expect((await texts(winner, loser)).toSorted()).toEqual(['from ada', 'from bob'])
  })

  test('64 messages are encrypted again in one step, the oldest first', async () => {
    const { winner, loser } = await cross()
    const from = conversation(loser, winner)
    const entry = from.waiting()[0]
    if (entry === undefined) throw new Error('nothing waits')
    await from.step((draft) => {
      for (let order = 100; order < 200; order++) draft.outbox.set(order, { ...entry, order })
    })
    clock.jump(clock.now() + 24 * HOUR)
    const own = toHex(entry.sessionId)
    const old = (): readonly number[] =>
      [...from.outbox.values()]
        .filter(({ sessionId }) => toHex(sessionId) === own)
        .map(({ order }) => order)
    const before = old()
    await from.tend()
    expect(old()).toEqual(before.slice(64))
    await from.tend()
    expect(old()).toEqual([])
  })

  async function talk(): Promise<void> {
    await ada.node.conversation('bob').send('hello')
    await settle()
    await bob.node.conversation('ada').send('hello, ada')
    await settle()
    await clock.advance(MINUTE)
    expect(sameSession()).toBe(true)
  }

  /** Reasons that somebody is told of. */
  function reasons(person: Person): readonly string[] {
    const told: string[] = []
    person.node.on('contact.renewal', ({ reason }) => told.push(reason))
    return told
  }

  /** A day in which whatever waits is encrypted again, and time for it to arrive. */
  async function nextDay(): Promise<void> {
    await clock.advance(26 * HOUR)
  }

  test('a session that is gone at one side is replaced, and nothing is lost', async () => {
    await talk()
    const told = reasons(bob)
    await conversation(bob, ada).step((draft) => {
      draft.sessions = []
    })
    await ada.node.conversation('bob').send('into the void')
    await clock.advance(MINUTE)
    expect(told).toEqual(['no-session'])
    expect(sameSession()).toBe(true)
    await nextDay()
    expect(await texts(bob, ada)).toEqual(['hello', 'hello, ada', 'into the void'])
    expect(await received(bob)).toHaveLength(2)
  })

  test('a position used twice is told of, and the session replaced', async () => {
    await talk()
    const told = reasons(bob)
    const session = sending(ada, bob)
    const options = { now: clock.now(), random: ada.core.random }
    const clone = encryptMessage(session, new Uint8Array(4), options)
    await bob.core.inbox.fromPeer(ada.account.key, [clone.envelope])
    await ada.node.conversation('bob').send('from the other copy')
    await clock.advance(MINUTE)
    expect(told).toEqual(['diverged'])
    expect(sameSession()).toBe(true)
    expect(toHex(sending(ada, bob).id)).not.toBe(toHex(session.id))
    expect(
      conversation(bob, ada).sessions.find(({ id }) => toHex(id) === toHex(session.id))?.phase,
    ).toBe('receive-only')
    await nextDay()
    expect(await texts(bob, ada)).toContain('from the other copy')
  })

  test('two envelopes that their key made and that do not open replace a session, one does not', async () => {
    await talk()
    const told = reasons(bob)
    const session = sending(ada, bob)
    const forged = (byte: number): Uint8Array => {
      const content = new Uint8Array(4).fill(byte)
      const wrong = { ...session, associatedData: new Uint8Array(64) }
      return encryptMessage(wrong, content, { now: 0, random: ada.core.random }).envelope
    }
    const [one, two] = [forged(1), forged(2)]
    for (const envelope of [one, one]) {
      expect(await bob.core.inbox.fromPeer(ada.account.key, [envelope])).toEqual(['not-authentic'])
    }
    expect(told).toEqual([])
    await bob.core.inbox.fromPeer(ada.account.key, [two])
    await clock.advance(MINUTE)
    expect(told).toEqual(['cannot-open'])
    expect(sameSession()).toBe(true)
    expect(toHex(sending(ada, bob).id)).not.toBe(toHex(session.id))
  })

  test('first messages that are refused lead to three more handshakes, then to one after a day', async () => {
    const told = reasons(ada)
    const { seen } = refuseFirst()
    await ada.node.conversation('bob').send('who is there?')
    await clock.advance(MINUTE)
    expect(told).toEqual(['refused', 'refused', 'refused'])
    expect(seen.size).toBe(4)
    await world.restart(ada)
    const later = reasons(ada)
    await clock.advance(22 * HOUR)
    expect(seen.size).toBe(4)
    await clock.advance(3 * HOUR)
    expect(later).toEqual(['unanswered'])
    expect(seen.size).toBe(5)
    expect(conversation(ada, bob).contact.renewal.made).toEqual([]) // they are no replacements
    bob.core.inbox.fromPeer = accepting
    await clock.advance(HOUR)
    expect(await texts(bob, ada)).toEqual(['who is there?'])
    expect(await received(bob)).toHaveLength(1)
    await bob.node.conversation('ada').send('it is me')
    await clock.advance(MINUTE)
    expect(conversation(ada, bob).contact.series).toBeUndefined()
  })

  test('a session is replaced when it is ninety days old', async () => {
    await talk()
    const old = sending(ada, bob)
    const maker = old.handshake.by === 'ours' ? ada : bob
    const told = reasons(maker)
    await conversation(ada, bob).tend()
    await conversation(bob, ada).tend()
    const due = clock.now() + 90 * 24 * HOUR
    await conversation(ada, bob).expire(due - 1)
    await conversation(bob, ada).expire(due - 1)
    expect(told).toEqual([])
    await conversation(ada, bob).expire(due)
    await conversation(bob, ada).expire(due)
    expect(told).toEqual(['age'])
  })

  const YEARS = 10 * 365 * 24 * HOUR
  const WEEKS = 20 * 24 * HOUR

  test.each([
    // By more than a bundle is valid, handshakes can be made where both are wrong.
    { who: 'both', ahead: YEARS, makes: true },
    { who: 'ada', ahead: YEARS, makes: false },
    { who: 'bob', ahead: YEARS, makes: false },
    { who: 'ada', ahead: WEEKS, makes: true },
    { who: 'bob', ahead: WEEKS, makes: true },
  ])('a clock that was $ahead ms ahead for a day ($who) makes no session younger', async (one) => {
    const { who, ahead, makes } = one
    const wrong = [ada, bob].filter(({ name }) => who === 'both' || who === name)
    await talk()
    for (const { process } of wrong) process.skew = ahead
    await clock.advance(HOUR)
    for (const { core } of wrong) await core.confirmClock()
    for (const { core } of wrong) await core.ownKeys.maintain()
    const [maker, other] = who === 'bob' ? [bob, ada] : [ada, bob]
    await conversation(maker, other).step((draft) => {
      wantRenewal(draft, 'diverged', sending(maker, other))
    })
    await clock.advance(12 * HOUR)
    await talk()
    const { ordinal } = sending(maker, other).handshake
    expect(ordinal > clock.now() + ahead - 24 * HOUR).toBe(makes)
    for (const { process } of wrong) process.skew = 0
    await clock.advance(12 * HOUR)
    for (const { core } of wrong) await core.confirmClock()
    await clock.advance(5 * HOUR)
    const told = [reasons(ada), reasons(bob)]
    const before = toHex(sending(ada, bob).id)
    const pass = async (days: number): Promise<void> => {
      clock.jump(clock.now() + days * 24 * HOUR)
      for (const { core } of [ada, bob]) await core.confirmClock()
      for (const { core } of [ada, bob]) await core.ownKeys.maintain()
      await clock.advance(2 * HOUR)
      await talk()
    }
    await pass(80)
    expect(told.flat()).not.toContain('age')
    await pass(15)
    if (makes) expect(told.flat()).toContain('age')
    expect(toHex(sending(ada, bob).id)).not.toBe(before)
    expect(sameSession()).toBe(true)
  })

  test('who answers a late first message but not the newest is met with a handshake after a day', async () => {
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('first')
    await settle()
    const late = envelopes(ada, bob)
    await conversation(ada, bob).step((draft) => {
      wantRenewal(draft, 'age', draft.sessions[0])
    })
    await clock.advance(10 * MINUTE)
    const newest = envelopes(ada, bob)
    expect(newest.map(toHex)).not.toContain(toHex(late[0] ?? new Uint8Array()))
    await bob.core.inbox.fromPeer(ada.account.key, newest)
    await bob.core.inbox.fromPeer(ada.account.key, late)
    const told = reasons(bob)
    await clock.advance(23 * HOUR)
    expect(told).toEqual([])
    await clock.advance(3 * HOUR)
    expect(told).toEqual(['late'])
    world.network.join(ada.peer, bob.peer)
    await clock.advance(HOUR)
    expect(sameSession()).toBe(true)
    expect(await received(bob)).toHaveLength(1)
  })

  test('a session that is gone at one side is replaced within an hour, also when nothing comes', async () => {
    await talk()
    const told = reasons(bob)
    await conversation(bob, ada).step((draft) => {
      draft.sessions = []
    })
    await clock.advance(HOUR + MINUTE)
    expect(told).toEqual(['no-session'])
    expect(sameSession()).toBe(true)
  })

  test('thirty lost sessions are replaced in an hour, not all at once', async () => {
    const mark = new Uint8Array(16)
    for (let count = 0; count < 35; count++) {
      const { id } = await ada.node.contacts.add(peerName(world.account().key))
      await ada.core.book.byId(id)?.step((draft) => {
        const ours = { ordinal: 1, seen: 0, mark }
        draft.patch({ handshakes: { ...draft.contact.handshakes, ours } })
      })
    }
    const wanted = (): number =>
      ada.core.book.all().filter(({ contact }) => contact.renewal.wanted !== undefined).length
    await clock.advance(HOUR)
    expect(wanted()).toBe(30)
    await clock.advance(HOUR)
    expect(wanted()).toBe(35)
  })

  /** bob goes back to a time before the session in which both write now. */
  async function goBack(): Promise<void> {
    await talk()
    const backup = await world.backup(bob)
    await conversation(ada, bob).step((draft) => wantRenewal(draft, 'age', sending(ada, bob)))
    await clock.advance(HOUR)
    await bob.node.conversation('ada').send('since the backup')
    await clock.advance(MINUTE)
    expect(sameSession()).toBe(true)
    world.network.part(ada.peer, bob.peer)
    await world.restore(bob, backup)
    expect(sameSession()).toBe(false)
  }

  test('what somebody refuses again who could open it before goes into another session', async () => {
    await goBack()
    const told = reasons(ada)
    world.network.join(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('do you remember?')
    await clock.advance(9 * MINUTE)
    expect(told).toEqual([])
    await clock.advance(3 * MINUTE)
    expect(told).toEqual(['lost'])
    expect(sameSession()).toBe(true)
    expect(await texts(bob, ada)).toContain('do you remember?')
  })

  test('who speaks in an older session only is met with a handshake after a day', async () => {
    await goBack()
    const told = reasons(ada)
    await bob.node.conversation('ada').send('from the past')
    await settle()
    await ada.core.inbox.fromPeer(bob.account.key, envelopes(bob, ada))
    expect(await texts(ada, bob)).toContain('from the past')
    await clock.advance(23 * HOUR)
    expect(told).toEqual([])
    await clock.advance(2 * HOUR)
    expect(told).toEqual(['late'])
    world.network.join(ada.peer, bob.peer)
    await clock.advance(HOUR)
    expect(sameSession()).toBe(true)
  })

  test('who goes back and uses a position again is told of as a divergence', async () => {
    await talk()
    const backup = await world.backup(bob)
    await bob.node.conversation('ada').send('first')
    await settle()
    await world.restore(bob, backup)
    const told = reasons(ada)
    await bob.node.conversation('ada').send('second')
    await clock.advance(MINUTE)
    expect(told).toEqual(['diverged'])
    expect(sameSession()).toBe(true)
    await clock.advance(11 * MINUTE)
    // both have the same number in the count of their sender
    const shown = await texts(ada, bob)
    expect(shown.toSorted()).toEqual(['first', 'hello', 'hello, ada', 'second'])
  })

  test('a divergence is told of also while another reason waits', async () => {
    await talk()
    const told = reasons(bob)
    await conversation(bob, ada).step((draft) => {
      const { renewal } = draft.contact
      draft.patch({ renewal: { ...renewal, made: [clock.now(), clock.now(), clock.now()] } })
      wantRenewal(draft, 'age', sending(bob, ada))
    })
    const options = { now: clock.now(), random: ada.core.random }
    for (const byte of [1, 2]) {
      const content = new Uint8Array(4).fill(byte)
      const { envelope } = encryptMessage(sending(ada, bob), content, options)
      await bob.core.inbox.fromPeer(ada.account.key, [envelope])
    }
    expect(told).toEqual(['age', 'diverged'])
  })

  test('a handshake that waits for its time is not made when the other side makes one', async () => {
    await talk()
    await conversation(bob, ada).step((draft) => {
      const { renewal } = draft.contact
      draft.patch({ renewal: { ...renewal, made: [clock.now(), clock.now(), clock.now()] } })
      wantRenewal(draft, 'age', sending(bob, ada))
    })
    await conversation(ada, bob).step((draft) => wantRenewal(draft, 'age', sending(ada, bob)))
    await clock.advance(MINUTE)
    expect(conversation(bob, ada).contact.renewal.wanted).toBeUndefined()
    const { id } = sending(ada, bob)
    await nextDay()
    expect(toHex(sending(bob, ada).id)).toBe(toHex(id))
  })

  test('what was sealed in a session that is gone is sealed again as soon as there is another', async () => {
    await talk()
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('sealed before')
    const before = envelopes(ada, bob)
    await conversation(bob, ada).step((draft) => wantRenewal(draft, 'age', sending(bob, ada)))
    await clock.advance(MINUTE)
    await conversation(ada, bob).step((draft) => {
      draft.sessions = []
    })
    await ada.core.inbox.fromPeer(bob.account.key, envelopes(bob, ada).slice(-1))
    const again = envelopes(ada, bob)
    expect(again).toHaveLength(before.length)
    expect(again.map(toHex)).not.toEqual(before.map(toHex))
    world.network.join(ada.peer, bob.peer)
    await clock.advance(MINUTE)
    expect((await received(bob)).map(({ text }) => text)).toEqual(['hello', 'sealed before'])
  })

  test('what is refused in a session that does not send any more goes into the one that does, at once', async () => {
    const { winner, loser } = await cross()
    const refused = envelopes(loser, winner)
    expect(refused.length).toBeGreaterThan(0)
    await conversation(loser, winner).refused(refused)
    for (const { sessionId } of conversation(loser, winner).outbox.values()) {
      expect(toHex(sessionId)).toBe(toHex(sending(loser, winner).id))
    }
  })

  /** bob has lost his sessions, and says so as soon as something comes that he cannot open. */
  async function loseSessions(text: string): Promise<void> {
    await conversation(bob, ada).step((draft) => {
      draft.sessions = []
    })
    await ada.node.conversation('bob').send(text)
    await clock.advance(MINUTE)
  }

  const freshStart = (of: Person, other: Person): boolean | undefined =>
    of.node.contacts.get(other.peer).session?.freshStart

  test('a session that follows another one proves it', async () => {
    await talk()
    const told: (boolean | undefined)[] = []
    bob.node.on('contact.session', ({ session }) => told.push(session.freshStart))
    ada.node.on('contact.session', ({ session }) => told.push(session.freshStart))
    for (const [from, to] of [
      [ada, bob],
      [bob, ada],
    ] as const) {
      const before = toHex(sending(from, to).id)
      await conversation(from, to).step((draft) => wantRenewal(draft, 'age', sending(from, to)))
      await clock.advance(2 * MINUTE)
      expect(toHex(sending(from, to).id)).not.toBe(before)
      expect(sameSession()).toBe(true)
    }
    expect(told).toEqual([false, false, false, false])
  })

  test('a session without a proof is shown as started afresh, also after a restart', async () => {
    await talk()
    const told: boolean[] = []
    ada.node.on('contact.session', ({ session }) => told.push(session.freshStart))
    expect(freshStart(ada, bob)).toBe(false)
    await loseSessions('lost')
    expect(told).toEqual([true])
    expect(freshStart(ada, bob)).toBe(true)
    expect(freshStart(bob, ada)).toBe(false)
    await world.restart(ada)
    expect(freshStart(ada, bob)).toBe(true)
    await clock.advance(MINUTE)
    // what follows a marked session is marked too
    await conversation(bob, ada).step((draft) => wantRenewal(draft, 'age', sending(bob, ada)))
    await clock.advance(2 * HOUR)
    expect(freshStart(ada, bob)).toBe(true)
  })

  test('a verified contact that starts afresh gets what was sent before only when the user agrees', async () => {
    await talk()
    const number = ada.node.contacts.safetyNumber('bob')
    await ada.node.contacts.verify('bob', number)
    await loseSessions('not for everybody')
    await nextDay()
    expect(await texts(bob, ada)).not.toContain('not for everybody')
    const { id } = await ada.node.conversation('bob').send('written since')
    await clock.advance(MINUTE)
    expect((await ada.node.messages.get(id)).state).toBe('delivered')
    await ada.node.contacts.verify('bob', number)
    await clock.advance(MINUTE)
    expect(freshStart(ada, bob)).toBe(false)
    expect(await texts(bob, ada)).toContain('not for everybody')
  })

  test('two fresh starts in a day stop the repetition', async () => {
    await talk()
    await loseSessions('one')
    await clock.advance(22 * HOUR)
    await loseSessions('two')
    await clock.advance(3 * HOUR)
    const repeated = async (): Promise<readonly string[]> =>
      (await texts(bob, ada)).filter((text) => text === 'one' || text === 'two')
    expect(ada.core.book.byAccount(bob.account.key)?.contact.freshStarts).toHaveLength(2)
    expect(await repeated()).toEqual(['one'])
    await nextDay()
    expect(await repeated()).toEqual(['one'])
    await ada.node.contacts.verify('bob', ada.node.contacts.safetyNumber('bob'))
    await clock.advance(MINUTE)
    expect(await repeated()).toEqual(['one', 'two'])
  })

  test('somebody who begins again with the account alone is answered in the new session', async () => {
    await talk()
    await world.reinstall(bob)
    await bob.node.contacts.add(ada.peer, { name: 'ada' })
    await bob.node.conversation('ada').send('it is me again')
    await clock.advance(MINUTE)
    expect(freshStart(ada, bob)).toBe(true)
    expect(sameSession()).toBe(true)
    const old = conversation(ada, bob).sessions.filter(({ id }) => id !== sending(ada, bob).id)
    expect(old.map(({ phase }) => phase)).toEqual(['receive-only'])
    await ada.node.conversation('bob').send('welcome back')
    await clock.advance(MINUTE)
    expect(await texts(bob, ada)).toContain('welcome back')
  })

  let accepting: Person['core']['inbox']['fromPeer']

  /** bob opens no first message: as if he had lost his prekeys. */
  function refuseFirst(): { readonly seen: Set<string> } {
    const seen = new Set<string>()
    const { inbox } = bob.core
    accepting = inbox.fromPeer.bind(inbox)
    inbox.fromPeer = (_sender, bytes) => {
      for (const envelope of bytes) {
        const read = readEnvelope(envelope)
        if (read.kind === 'first') seen.add(toHex(read.ephemeralKey))
      }
      return Promise.resolve(bytes.map(() => 'unknown-prekey' as const))
    }
    return { seen }
  }
})
