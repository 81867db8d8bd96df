// Random histories of deposits, visits, acknowledgements, lost connections and crashes, against a model of one box.
import fc from 'fast-check'
import { assert, test } from 'vitest'
import { settle } from '../support/manual-clock.ts'
import { envelope, textOf, World } from './world.ts'
import type { Guest } from './world.ts'

type Step =
  | { readonly do: 'deposit'; readonly length: number }
  | { readonly do: 'repeat' }
  | { readonly do: 'fetch' }
  | { readonly do: 'acknowledge'; readonly share: number }
  | { readonly do: 'lose' }
  | { readonly do: 'crash' }
  | { readonly do: 'wait' }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('deposit'), length: fc.integer({ min: 50, max: 400 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'repeat' }) },
  { weight: 2, arbitrary: fc.constant({ do: 'fetch' }) },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('acknowledge'),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ do: 'lose' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'crash' }) },
  { weight: 1, arbitrary: fc.constant({ do: 'wait' }) },
) as fc.Arbitrary<Step>

const LIMITS = { ownerMessages: 12, ownerBytes: 3000, leaseItems: 4, leaseBytes: 1200 }

/** One history. */
class History {
  /** What must be waiting, oldest first. */
  readonly #waiting = new Map<string, number>()
  readonly #deposits: {
    readonly id: Uint8Array
    readonly envelope: Uint8Array
    readonly keptUntil: number
  }[] = []
  #world: World
  #owner: Guest
  #sender: Guest
  #serial = 0

  private constructor(world: World, owner: Guest, sender: Guest) {
    this.#world = world
    this.#owner = owner
    this.#sender = sender
  }

  static async begin(): Promise<History> {
    const world = await World.start({ limits: LIMITS })
    return new History(world, await world.member(), await world.stranger())
  }

  async run(next: Step): Promise<void> {
    switch (next.do) {
      case 'deposit':
        return await this.#deposit(next.length)
      case 'repeat':
        return await this.#repeat()
      case 'fetch':
        await this.#owner.visitor.ask({ case: 'fetch', value: {} }, 'items')
        return
      case 'acknowledge':
        return await this.#acknowledge(next.share)
      case 'lose':
        this.#world.network.disconnect(this.#owner.wire.self, this.#world.wire.self)
        this.#owner = await this.#world.again(this.#owner)
        return
      case 'crash':
        this.#world = await this.#world.crash({ limits: LIMITS })
        this.#owner = await this.#world.again(this.#owner)
        this.#sender = await this.#world.stranger()
        return
      case 'wait':
        await settle(3)
    }
  }

  /** Drains the box, and compares. */
  async end(): Promise<void> {
    await this.check()
    this.#owner = await this.#world.again(this.#owner)
    const { visitor } = this.#owner
    await visitor.ask({ case: 'fetch', value: {} }, 'items')
    const drained: string[] = []
    for (let seen = 0; drained.length < this.#waiting.size; await settle(2)) {
      const fresh = visitor.items.slice(seen)
      seen += fresh.length
      drained.push(...fresh.map((item) => textOf(item.envelope)))
      const ids = fresh.map(({ id }) => id)
      await visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
    }
    assert.deepEqual(drained, [...this.#waiting.keys()])
    const { waiting, waitingBytes } = await this.#world.service.status()
    assert.deepEqual([waiting, waitingBytes], [0, 0])
  }

  /** The counters say what is there. */
  async check(): Promise<void> {
    const status = await this.#owner.visitor.ask({ case: 'getStatus', value: {} }, 'status')
    const usedBytes = BigInt([...this.#waiting.values()].reduce((sum, length) => sum + length, 0))
    assert.deepEqual([status.waiting, status.usedBytes], [this.#waiting.size, usedBytes])
  }

  async #deposit(length: number): Promise<void> {
    const used = [...this.#waiting.values()].reduce((sum, one) => sum + one, 0)
    const fits = this.#waiting.size < LIMITS.ownerMessages && used + length <= LIMITS.ownerBytes
    const text = `m${this.#serial++}`
    const bytes = envelope(text, { length })
    const id = this.#world.random(16)
    const deposit = this.#world.deposit(this.#sender, this.#owner.account, bytes, id)
    if (!fits) return await refused(deposit)
    const { keptUntil } = await deposit
    this.#waiting.set(text, length)
    this.#deposits.push({ id, envelope: bytes, keptUntil })
  }

  /** A deposit whose answer was lost is made again: nothing is stored, the promise is the same. */
  async #repeat(): Promise<void> {
    const last = this.#deposits.at(-1)
    if (last === undefined) return
    const { account } = this.#owner
    const receipt = await this.#world.deposit(this.#sender, account, last.envelope, last.id)
    assert.equal(receipt.keptUntil, last.keptUntil)
  }

  /** Acknowledges some of what has arrived on this channel. */
  async #acknowledge(share: number): Promise<void> {
    const { visitor } = this.#owner
    const named = visitor.items.slice(0, Math.ceil(visitor.items.length * share))
    const ids = named.map(({ id }) => id)
    await visitor.ask({ case: 'acknowledge', value: { ids } }, 'done')
    for (const item of named) this.#waiting.delete(textOf(item.envelope))
  }
}

async function refused(deposit: Promise<unknown>): Promise<void> {
  const answer = await deposit.catch((cause: unknown) => cause)
  assert.instanceOf(answer, Error)
  assert.equal(answer.message, 'unavailable')
}

test('whatever happens, a box holds what was promised and not acknowledged, in order, and its counters say so', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 10, maxLength: 60 }), async (steps) => {
      const history = await History.begin()
      for (const next of steps) {
        await history.run(next)
        await history.check()
      }
      await history.end()
    }),
    { numRuns: process.env['SLOW'] === '1' ? 1000 : 40 },
  )
})
