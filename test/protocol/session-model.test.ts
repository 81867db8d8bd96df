import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { DAY } from '../support/people.ts'
import { Talker, expectKeysAgree } from '../support/talkers.ts'

// Two who chat over a network that drops, doubles, reorders and keeps envelopes back, while both
// restart from what they have stored, begin sessions anew, send without an answer for long, and rest
// for hours or days, so that epochs of the post-quantum ratchet come and go. After every event the
// step law is checked (in `Talker`).

beforeAll(() => ready)

/** An envelope under way, and what became of it. */
interface Mail {
  readonly to: 0 | 1
  readonly bytes: Uint8Array
  arrived: boolean
}

type Event =
  | { readonly kind: 'send' | 'restart' | 'begin'; readonly who: 0 | 1 }
  | { readonly kind: 'burst'; readonly who: 0 | 1; readonly count: number }
  | { readonly kind: 'deliver' | 'double' | 'drop'; readonly pick: number }
  | { readonly kind: 'rest'; readonly hours: number }

const who = fc.constantFrom<0 | 1>(0, 1)
const pick = fc.nat(999)
const event: fc.Arbitrary<Event> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('send'), who }) },
  { weight: 12, arbitrary: fc.record({ kind: fc.constant('deliver'), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('double', 'drop'), pick }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('restart', 'begin'), who }) },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('burst'),
      who,
      count: fc.integer({ max: 60, min: 2 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('rest'), hours: fc.constantFrom(1, 25) }),
  },
)

class World {
  readonly talkers: readonly [Talker, Talker]
  /** How many envelopes came for the first time. */
  arrivals = 0
  readonly #mail: Mail[] = []

  constructor() {
    this.talkers = [new Talker('ours'), new Talker('theirs')]
    this.talkers[0].begin(this.talkers[1], { oneTime: true })
  }

  run(happening: Event): void {
    switch (happening.kind) {
      case 'send':
        return this.send(happening.who)
      case 'burst':
        for (let i = 0; i < happening.count; i += 1) this.send(happening.who)
        return undefined
      case 'rest':
        for (const talker of this.talkers) talker.now += (happening.hours * DAY) / 24
        return undefined
      case 'restart':
        return this.talkers[happening.who].restart()
      case 'begin':
        this.talkers[happening.who].begin(this.talkers[other(happening.who)])
        return undefined
      case 'deliver':
        return this.#withMail(happening.pick, (mail) => this.#deliver(mail))
      case 'double':
        return this.#withMail(happening.pick, (mail) => this.#mail.push(mail))
      case 'drop':
        return this.#withMail(happening.pick, () => undefined)
    }
  }

  send(from: 0 | 1): void {
    const talker = this.talkers[from]
    if (talker.sessions.length === 0) return
    this.#mail.push({ to: other(from), bytes: talker.send(), arrived: false })
  }

  /** Each says something, and everything arrives. */
  exchange(): void {
    this.send(0)
    this.send(1)
    this.settle()
  }

  /** Whatever is still under way arrives. */
  settle(): void {
    while (this.#mail.length > 0) this.run({ kind: 'deliver', pick: 0 })
  }

  /** Nothing that is under way arrives. */
  lose(): void {
    this.#mail.length = 0
  }

  #deliver(mail: Mail): void {
    const outcome = this.talkers[mail.to].receive(mail.bytes)
    if (outcome !== (mail.arrived ? 'ERR_DUPLICATE' : 'opened')) throw new Error(outcome)
    if (!mail.arrived) this.arrivals += 1
    mail.arrived = true
  }

  #withMail(index: number, use: (mail: Mail) => unknown): void {
    const [mail] = this.#mail.splice(index % Math.max(this.#mail.length, 1), 1)
    if (mail !== undefined) use(mail)
  }
}

// Both begin several times before they hear of each other, and some of the first messages are lost.
const begun = fc.record({ who, lost: fc.boolean() })

test('handshakes that cross and are lost end in one session within two round trips', () => {
  fc.assert(
    fc.property(
      fc.array(begun, { minLength: 2, maxLength: 6 }),
      fc.array(event, { maxLength: 10 }),
      (handshakes, events) => {
        const world = new World()
        for (const { who: side, lost } of handshakes) {
          world.run({ kind: 'begin', who: side })
          if (lost) world.talkers[side].send()
          else world.send(side)
        }
        world.settle()
        for (const happening of events) world.run(happening)
        world.lose()
        for (const side of [0, 1, 0, 1] as const) {
          world.send(side)
          world.settle()
        }
        const [ours, theirs] = world.talkers.map(({ session }) => toHex(session.id))
        expect(ours).toBe(theirs)
      },
    ),
    { numRuns: 50 },
  )
})

test('no message opens twice, none that arrived is lost, and both end in one session', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 10, maxLength: 60 }), (events) => {
      const world = new World()
      for (const happening of events) world.run(happening)
      // A last exchange in which nothing is lost.
      for (let round = 0; round < 2; round += 1) world.exchange()
      const opened = world.talkers.flatMap(({ inbox }) => inbox)
      expect(opened).toHaveLength(world.arrivals)
      for (const { inbox } of world.talkers) expect(new Set(inbox).size).toBe(inbox.length)
      const [ours, theirs] = world.talkers
      expect(toHex(ours.session.id)).toBe(toHex(theirs.session.id))
      expect([...ours.reports, ...theirs.reports]).toEqual([])
      // Traffic in both directions leads on, whatever was under way before.
      expectKeysAgree(ours.session, theirs.session)
      const before = epochOf(ours)
      for (let day = 0; day < 4; day += 1) {
        world.run({ kind: 'rest', hours: 25 })
        for (let round = 0; round < 4; round += 1) world.exchange()
        expectKeysAgree(ours.session, theirs.session)
      }
      expect(epochOf(ours)).toBeGreaterThanOrEqual(before + 3)
      expect(epochOf(theirs)).toBe(epochOf(ours))
      expect(ours.inbox.length + theirs.inbox.length).toBe(world.arrivals)
    }),
    { numRuns: 60 },
  )
})

function epochOf({ session }: Talker): number {
  return session.postQuantum.epoch.number
}

function other(side: 0 | 1): 0 | 1 {
  return side === 0 ? 1 : 0
}
