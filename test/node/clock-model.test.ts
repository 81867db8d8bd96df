// Random histories of a computer's clock: it jumps, the node stops, crashes and starts, and now and then somebody says what
// time it really is. Whatever happens, no private key dies while somebody may still use its public half, and none is kept
// for ever.
import fc from 'fast-check'
import { MemoryLevel } from 'memory-level'
import { expect, test } from 'vitest'
import { MAX_CLOCK_SKEW } from '../../protocol/record-time.ts'
import {
  CLOCK_MARGIN,
  FIRST_MESSAGE_TTL,
  ONE_TIME_KEPT,
  PREKEY_KEPT,
  PREKEY_ROTATION,
} from '../../node/lifetimes.ts'
import { testAccount } from '../support/accounts.ts'
import { seededRandom } from '../support/random.ts'
import { DAY, HOUR, OwnWorld } from './own-world.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import type { VerifiedBundle } from '../../protocol/bundle.ts'
import type { Store } from '../../net/ports.ts'

const RUNS = process.env['SLOW'] === '1' ? 400 : 25
const MINUTE = 60_000

/** How wrong the clock is set: not at all, a little, hours, days, years. */
const SKEWS = [0, 20 * MINUTE, 5 * HOUR, 20 * DAY, 55 * DAY, 800 * DAY, 30 * 365 * DAY]

type Step =
  | { readonly kind: 'live' | 'off'; readonly days: number }
  | { readonly kind: 'skew'; readonly ms: number }
  | { readonly kind: 'crash' | 'mailbox' | 'contacts' | 'pairs' | 'rotate' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('live' as const),
      days: fc.constantFrom(0.1, 1, 9, 30),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('off' as const),
      days: fc.constantFrom(0.02, 0.5, 20, 90),
    }),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...SKEWS), fc.constantFrom(1, -1))
      .map(([ms, sign]) => ({ kind: 'skew' as const, ms: ms * sign })),
  },
  {
    weight: 6,
    arbitrary: fc
      .constantFrom('crash', 'mailbox', 'contacts', 'pairs', 'rotate')
      .map((kind) => ({ kind })),
  },
)

/** A private key whose public half is out, in true time. */
interface Out {
  readonly id: number
  readonly kept: number
  /** Nobody accepts it, or what names it, after this. */
  usableUntil: number
  /** When the clock was first agreed on after it was last named. */
  datedBy: number | undefined
}

class History {
  #world: OwnWorld
  readonly #mailbox = testAccount(seededRandom('a mailbox')).key
  readonly #out = new Map<number, Out>()
  readonly gone: number[] = []

  private constructor(world: OwnWorld) {
    this.#world = world
  }

  static async begin(): Promise<History> {
    const history = new History(await OwnWorld.make({ seed: 'clock model' }))
    await history.#start()
    return history
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'live':
        return this.#live(step.days * DAY)
      case 'off':
        return this.#restart(step.days * DAY)
      case 'skew':
        this.#world.clock.jump(this.#now + step.ms)
        return this.#maintain()
      case 'crash':
        return this.#crash()
      case 'mailbox':
        this.#world.keys.guard.witness('mailbox', 'm', this.#now)
        return this.#maintain()
      case 'contacts':
        this.#world.keys.guard.witness('contact', 'a', this.#now)
        this.#world.keys.guard.witness('contact', 'b', this.#now)
        return this.#maintain()
      case 'pairs':
        return this.#makePairs()
      case 'rotate':
        return this.#world.keys.rotate()
    }
  }

  /** The clock is right again, everybody says so, and then nothing happens for as long as anything lives. */
  async settle(): Promise<void> {
    this.#world.clock.jump(this.#now)
    await this.run({ kind: 'mailbox' })
    must(this.#world.keys.guard.jump === 'none', 'the clock is agreed on')
    await this.#live(ONE_TIME_KEPT + DAY)
    must((await this.#world.stored('own/pair/')).length === 0, 'no pair is kept for ever')
    const weeks = Math.ceil(PREKEY_KEPT / PREKEY_ROTATION) + 2
    const held = await this.#world.stored('own/prekeys/')
    must(held.length <= weeks, 'no prekey is kept for ever')
  }

  async end(): Promise<void> {
    await this.#world.keys.stop()
    await this.#world.records.close()
  }

  get #now(): number {
    return this.#world.clock.trueTime
  }

  async #start(): Promise<void> {
    this.#world.keys.watch((bundle) => this.#issued(bundle))
    await this.#world.keys.start()
    this.#issued(this.#world.keys.bundle)
    this.#check()
  }

  async #live(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= DAY) {
      await this.#world.clock.advance(Math.min(left, DAY))
      await this.#maintain()
    }
  }

  async #maintain(): Promise<void> {
    await this.#world.keys.maintain()
    this.#check()
  }

  async #restart(ms: number): Promise<void> {
    await this.#world.keys.stop()
    await this.#world.records.close()
    await this.#world.clock.advance(ms)
    this.#world = this.#world.again()
    await this.#start()
  }

  /** What was not written is lost, and nothing was noted of the end. */
  async #crash(): Promise<void> {
    const old = this.#world
    this.#world = await OwnWorld.make({
      seed: 'clock model',
      clock: old.clock,
      store: await copy(old.store),
    })
    await old.keys.stop()
    await old.records.close()
    await this.#start()
  }

  async #makePairs(): Promise<void> {
    const { keys, account } = this.#world
    const made = await keys.createOneTimePairs(this.#mailbox, 2)
    for (const { id, signed } of made) {
      const now = this.#world.clock.now()
      const { issuedAt, expiresAt } = verifyOneTimePair(signed, {
        ...{ account: account.key, mailbox: this.#mailbox, now },
      })
      this.#named(id, { issuedAt, expiresAt }, ONE_TIME_KEPT)
    }
    this.#check()
  }

  #issued({ signedPrekey, issuedAt, expiresAt }: VerifiedBundle): void {
    this.#named(signedPrekey.id, { issuedAt, expiresAt }, PREKEY_KEPT)
  }

  #named(
    id: number,
    { issuedAt, expiresAt }: { readonly issuedAt: number; readonly expiresAt: number },
    kept: number,
  ): void {
    // What is dated in the future is refused by everybody, and so is what has lapsed.
    const accepted = issuedAt <= this.#now + MAX_CLOCK_SKEW && expiresAt > this.#now
    const before = this.#out.get(id)?.usableUntil ?? 0
    const usableUntil = accepted ? Math.max(before, expiresAt + FIRST_MESSAGE_TTL) : before
    this.#out.set(id, { id, kept, usableUntil, datedBy: undefined })
  }

  #check(): void {
    const { keys, clock } = this.#world
    const current = keys.bundle.signedPrekey.id
    // Set back by as long as the node was off, it looks right, and is slow: that only delays.
    const right = keys.guard.jump === 'none' && Math.abs(clock.now() - this.#now) <= HOUR
    for (const out of this.#out.values()) {
      if (!keys.holds(out.id)) {
        must(this.#now >= out.usableUntil, `${out.id} dies when nobody can use it`)
        this.#out.delete(out.id)
        this.gone.push(out.id)
      } else if (right) {
        out.datedBy ??= this.#now
        const due = out.datedBy + out.kept + CLOCK_MARGIN
        must(out.id === current || this.#now <= due, `${out.id} dies in time`)
      }
    }
  }
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`does not hold: ${what}`)
}

async function copy(store: Store): Promise<Store> {
  const next = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
  await next.batch(
    (await store.iterator().all()).map(([key, value]) => ({ type: 'put', key, value })),
  )
  return next
}

test('whatever the clock does, keys die neither early nor never', async () => {
  let gone = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 4, maxLength: 24 }), async (steps) => {
      const history = await History.begin()
      for (const one of steps) await history.run(one)
      await history.settle()
      await history.end()
      gone += history.gone.length
    }),
    { numRuns: RUNS },
  )
  expect(gone).toBeGreaterThan(RUNS)
}, 1_800_000)
