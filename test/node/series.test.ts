import { beforeEach, describe, expect, test, vi } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { receiveOnly } from '../../protocol/session.ts'
import { isRenewalDue, mayBegin, mayTake, noteUnknown, wantRenewal } from '../../node/renewal.ts'
import { continued, isRetryDue } from '../../node/series.ts'
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
const DAY = 24 * HOUR

describe('handshakes that stay unanswered', () => {
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('series', clock)
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    await settle()
  })

  /** The handshake that the envelopes of ada are in. */
  function handshake(): string {
    const keys = envelopes(ada, bob).map((bytes) => {
      const envelope = readEnvelope(bytes)
      return envelope.kind === 'first' ? toHex(envelope.ephemeralKey) : 'session'
    })
    return [...new Set(keys)].join()
  }

  /** Days, after the first handshake, on which ada makes another one. */
  async function daysOfHandshakes(days: number): Promise<readonly number[]> {
    const found: number[] = []
    let last = handshake()
    for (let day = 1; day <= days; day++) {
      await clock.advance(DAY)
      if (day % 5 === 0) await world.restart(ada)
      if (handshake() !== last) found.push(day)
      last = handshake()
    }
    return found
  }

  test('are made again at once when one sends whose series has ended', async () => {
    world.kill(bob)
    await ada.node.conversation('bob').send('are you there?')
    await settle()
    const [before, count] = [handshake(), envelopes(ada, bob).length]
    // Bob spoke in a session of his, and has begun another that does not win against this one.
    await conversation(ada, bob).step((draft) => draft.patch({ series: undefined }))
    await conversation(ada, bob).tend()
    await settle()
    expect(handshake()).not.toBe(before)
    expect(handshake()).not.toContain(',')
    expect(envelopes(ada, bob)).toHaveLength(count)
    expect(conversation(ada, bob).contact.series).toBeDefined()
  })

  test('are made again after 1, 3, 7, 14, 21 and 28 days, with the same messages', async () => {
    world.kill(bob)
    await ada.node.conversation('bob').send('are you there?')
    await settle()
    const ids = conversation(ada, bob)
      .waiting()
      .map(({ messageId }) => toHex(messageId))
    await clock.advance(HOUR)
    expect(await daysOfHandshakes(28)).toEqual([1, 3, 7, 14, 21, 28])
    expect(
      conversation(ada, bob)
        .waiting()
        .map(({ messageId }) => toHex(messageId)),
    ).toEqual(ids)
    const phases = conversation(ada, bob).sessions.map(({ phase }) => phase)
    expect(phases.filter((phase) => phase === 'initiating')).toHaveLength(1)
    await world.restart(bob)
    await clock.advance(HOUR)
    expect(await texts(bob, ada)).toEqual(['are you there?'])
    expect(await received(bob)).toHaveLength(1)
  })

  test('are not made again when everything is delivered', async () => {
    await ada.node.conversation('bob').send('no answer needed')
    await settle()
    expect(conversation(ada, bob).outbox.size).toBe(0)
    const before = conversation(ada, bob).contact.handshakes.ours?.ordinal
    await clock.advance(4 * DAY)
    expect(conversation(ada, bob).contact.handshakes.ours?.ordinal).toBe(before)
  })

  test('are a new series when the contact has spoken', async () => {
    await ada.node.conversation('bob').send('hello')
    await settle()
    expect(conversation(ada, bob).contact.series).toBeDefined()
    await bob.node.conversation('ada').send('hello, ada')
    await clock.advance(MINUTE)
    expect(conversation(ada, bob).contact.series).toBeUndefined()
    await clock.advance(40 * DAY)
    world.kill(bob)
    await conversation(ada, bob).step((draft) => wantRenewal(draft, 'age', draft.sessions[0]))
    await ada.node.conversation('bob').send('and now?')
    await clock.advance(HOUR)
    expect(await daysOfHandshakes(4)).toEqual([1, 3])
  })

  test('do not end by a message in an older session', async () => {
    await ada.node.conversation('bob').send('hello')
    await settle()
    await bob.node.conversation('ada').send('hello, ada')
    await clock.advance(MINUTE)
    world.network.part(ada.peer, bob.peer)
    await bob.node.conversation('ada').send('from before')
    await conversation(ada, bob).step((draft) => wantRenewal(draft, 'age', draft.sessions[0]))
    await clock.advance(MINUTE)
    const { series } = conversation(ada, bob).contact
    expect(series).toBeDefined()
    await ada.core.inbox.fromPeer(bob.account.key, envelopes(bob, ada))
    expect(await texts(ada, bob)).toContain('from before')
    expect(conversation(ada, bob).contact.series).toEqual(series)
  })

  test('nothing of a first message leaves after its bundle has expired', async () => {
    world.kill(bob)
    await ada.node.conversation('bob').send('early')
    await settle()
    const useBy = conversation(ada, bob).contact.series?.useBy ?? 0
    const [entry] = conversation(ada, bob).waiting()
    if (entry === undefined) throw new Error('nothing waits')
    clock.jump(useBy - 1)
    expect(conversation(ada, bob).maySend(entry)).toBe(true)
    clock.jump(useBy)
    expect(conversation(ada, bob).maySend(entry)).toBe(false)
    const before = envelopes(ada, bob)
    await ada.node.conversation('bob').send('late')
    expect(envelopes(ada, bob)).toEqual(before)
    await world.restart(bob)
    await clock.advance(2 * HOUR)
    expect(await texts(bob, ada)).toContain('late')
    expect(conversation(ada, bob).contact.series?.useBy).toBeGreaterThan(useBy)
  })

  test('five a day are made, ten of theirs taken, and refusals wait for none of the pauses', () => {
    const { contact } = conversation(ada, bob)
    const now = clock.now()
    const times = (count: number) => Array.from({ length: count }, (_, at) => now - at)
    const having = (change: Partial<typeof contact.renewal>) => ({
      ...contact,
      renewal: { ...contact.renewal, ...change },
    })
    expect(mayBegin(having({ begun: times(4) }), now)).toBe(true)
    expect(mayBegin(having({ begun: times(5) }), now)).toBe(false)
    expect(mayBegin(having({ begun: times(5) }), now + DAY)).toBe(true)
    expect(mayTake(having({ taken: times(9) }), now)).toBe(true)
    expect(mayTake(having({ taken: times(10) }), now)).toBe(false)
    const wanted = (reason: 'refused' | 'unanswered' | 'diverged') => ({
      reason,
      sessionId: new Uint8Array(32),
    })
    const made = times(3)
    expect(isRenewalDue(having({ made, wanted: wanted('diverged') }), now)).toBe(false)
    expect(isRenewalDue(having({ made, wanted: wanted('refused') }), now)).toBe(true)
    expect(isRenewalDue(having({ made, wanted: wanted('unanswered') }), now)).toBe(true)
  })

  test('a sixth handshake in a day has to wait', async () => {
    world.kill(bob)
    await ada.node.conversation('bob').send('are you there?')
    await clock.advance(MINUTE)
    const made = new Set([handshake()])
    for (let count = 0; count < 7; count++) {
      await conversation(ada, bob).step((draft) => {
        wantRenewal(draft, 'refused', draft.sessions.at(-1))
      })
      await clock.advance(MINUTE)
      made.add(handshake())
    }
    expect(made.size).toBe(5)
    await clock.advance(DAY + 2 * HOUR)
    made.add(handshake())
    expect(made.size).toBe(6)
  })

  test('session mail that nothing opens asks for the next one in time, not for one at once', async () => {
    world.kill(bob)
    await ada.node.conversation('bob').send('are you there?')
    await clock.advance(MINUTE)
    const wanted = async (): Promise<string | undefined> => {
      await conversation(ada, bob).step(noteUnknown)
      return conversation(ada, bob).contact.renewal.wanted?.reason
    }
    expect(await wanted()).toBeUndefined()
    clock.jump(clock.now() + DAY)
    expect(await wanted()).toBe('unanswered')
  })

  test('session mail that nothing opens is noise where they have spoken in a session', async () => {
    await ada.node.conversation('bob').send('hello')
    await settle()
    const of = conversation(bob, ada)
    await of.step((draft) => {
      draft.sessions = draft.sessions.map(receiveOnly)
      noteUnknown(draft)
    })
    expect(of.sessions).toHaveLength(1)
    expect(of.contact.renewal.wanted).toBeUndefined()
  })

  test('an eleventh session of theirs in a day has to come again, and costs nothing on their stream', async () => {
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('once more')
    await settle()
    await conversation(bob, ada).step((draft) => {
      const taken = Array.from({ length: 10 }, () => clock.now())
      draft.patch({ renewal: { ...draft.contact.renewal, taken } })
    })
    const first = envelopes(ada, bob).slice(0, 1)
    const computed = vi.spyOn(bob.core.ownKeys, 'bundleKnown')
    expect(await bob.core.inbox.fromPeer(ada.account.key, first)).toEqual(['store-full'])
    expect(computed).not.toHaveBeenCalled()
    expect(await bob.core.inbox.fromMailbox(bob.peer, first)).toEqual(['store-full'])
    expect(conversation(bob, ada).sessions).toEqual([])
    await clock.advance(DAY)
    expect(await bob.core.inbox.fromMailbox(bob.peer, first)).toEqual(['opened'])
  })

  test('a series that a wrong clock began in the future begins again', () => {
    const now = clock.now()
    const made = { useBy: 0, refused: false }
    const wrong = continued(undefined, { ...made, now: now + 400 * DAY })
    expect(isRetryDue(wrong, now)).toBe(true)
    const right = continued(wrong, { ...made, now })
    expect(right.startedAt).toBe(now)
    expect(isRetryDue(right, now)).toBe(false)
    const later = continued(right, { ...made, now: now + 4 * DAY })
    expect(later.startedAt).toBe(now)
    expect(isRetryDue(later, now + HOUR)).toBe(true)
    const again = continued(later, { ...made, now: now + HOUR })
    expect(isRetryDue(again, now + 2 * HOUR)).toBe(false)
    expect(isRetryDue(again, now + DAY)).toBe(true)
  })
})
