import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { wantRenewal } from '../../node/renewal.ts'
import { ChatWorld, envelopes, introduce, received, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

// Two nodes that cannot reach each other by themselves: they write, restart, begin sessions anew, and now and then an
// envelope of one of them arrives at the other, in any order, more than once or never. Then the network comes back.

const MINUTE = 60_000
const HOUR = 60 * MINUTE

type Event =
  | { readonly kind: 'send' | 'restart' | 'renew'; readonly who: 0 | 1 }
  | { readonly kind: 'arrive'; readonly who: 0 | 1; readonly pick: number }

const who = fc.constantFrom<0 | 1>(0, 1)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('send'), who }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('arrive'), who, pick: fc.nat(99) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'renew'), who }) },
)

class Pair {
  readonly clock: ManualClock
  readonly world: ChatWorld
  readonly people: readonly [Person, Person]
  readonly sent: readonly [string[], string[]] = [[], []]
  /** Every envelope that was ever made, by its maker. */
  readonly #made: readonly [Map<string, Uint8Array>, Map<string, Uint8Array>] = [
    new Map(),
    new Map(),
  ]

  private constructor(clock: ManualClock, world: ChatWorld, people: readonly [Person, Person]) {
    this.clock = clock
    this.world = world
    this.people = people
  }

  static async create(): Promise<Pair> {
    const clock = new ManualClock()
    const world = await ChatWorld.create('healing model', clock)
    const people = [await world.person('ada'), await world.person('bob')] as const
    await introduce(people[0], people[1])
    await settle()
    world.network.part(people[0].peer, people[1].peer)
    return new Pair(clock, world, people)
  }

  async run(happening: Event): Promise<void> {
    const { who: side } = happening
    const [person, other] = [this.people[side], this.people[opposite(side)]]
    switch (happening.kind) {
      case 'send': {
        const text = `${side} ${this.sent[side].length}`
        this.sent[side].push(text)
        await person.node.conversation(other.peer).send(text)
        break
      }
      case 'restart':
        await this.world.restart(person)
        break
      case 'renew':
        await this.#conversation(side).step((draft) => {
          wantRenewal(draft, 'age', sendingSession(draft.sessions, draft.contact.handshakes))
        })
        break
      case 'arrive': {
        const [from, to] = [opposite(side), side] as const
        const all = [...this.#made[from].values()]
        const envelope = all[happening.pick % Math.max(all.length, 1)]
        const { account } = this.people[from]
        if (envelope !== undefined) {
          await this.people[to].core.inbox.fromPeer(account.key, [envelope])
        }
      }
    }
    await this.clock.advance(MINUTE)
    this.#collect()
  }

  /** The network is there, and time goes by. */
  async calm(): Promise<void> {
    this.world.network.join(this.people[0].peer, this.people[1].peer)
    for (let day = 0; day < 2; day++) await this.clock.advance(26 * HOUR)
  }

  sendingIds(): readonly string[] {
    return ([0, 1] as const).map((side) => {
      const { sessions, contact } = this.#conversation(side)
      const session = sendingSession(sessions, contact.handshakes)
      return session === undefined ? '' : toHex(session.id)
    })
  }

  #conversation(side: 0 | 1) {
    const { account } = this.people[opposite(side)]
    const found = this.people[side].core.book.byAccount(account.key)
    if (found === undefined) throw new Error('no conversation')
    return found
  }

  #collect(): void {
    for (const side of [0, 1] as const) {
      for (const envelope of envelopes(this.people[side], this.people[opposite(side)])) {
        this.#made[side].set(toHex(envelope), envelope)
      }
    }
  }
}

test('whatever happened, both end in one session and every message is shown once', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(event, { minLength: 4, maxLength: 16 }), async (events) => {
      const pair = await Pair.create()
      for (const happening of events) await pair.run(happening)
      await pair.calm()
      for (const side of [0, 1] as const) {
        const shown = (await received(pair.people[side])).map(({ text }) => text)
        expect(shown.toSorted()).toEqual(pair.sent[opposite(side)].toSorted())
      }
      // an exchange, after which both know of both handshakes
      for (const side of [0, 1, 0, 1] as const) await pair.run({ kind: 'send', who: side })
      const [ours, theirs] = pair.sendingIds()
      expect(ours).toBe(theirs)
      for (const { node } of pair.people) await node.stop()
    }),
    { numRuns: 25 },
  )
}, 120_000)

function opposite(side: 0 | 1): 0 | 1 {
  return side === 0 ? 1 : 0
}
