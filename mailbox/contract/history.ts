// Random histories: deposits, repetitions, acknowledgements, uploads, takings and expiry, some at once, on all front ends, which
// die now and then at one of their writes. After every step everything must be as it was told.

import { StoreError } from '../../net/store-error.ts'
import { assert, equal } from './assert.ts'
import { Chance } from './chance.ts'
import { Ledger } from './ledger.ts'
import { mail, NOW, owner, pair } from './people.ts'
import { Refusal } from '../refusal.ts'
import { balanced } from './rule.ts'
import type { MailboxStore } from '../store.ts'
import type { FrontEnd, StoreSubject } from './subject.ts'

const STEPS = 30

/** Steps that are taken at once, at the most. */
const AT_ONCE = 4

/** Longer than anything is kept or remembered. */
const LONG_MS = 10_000_000

/** Time of each step that lets things go. */
const STEP_MS = 100

/** What is due no earlier is not let go while it is being left. */
const SAFE_MS = (AT_ONCE + 1) * STEP_MS

/** Of the mailbox itself: how many members there are, what those who left have counted, how much is in the boxes. */
const OWN_ENTRIES = 2

export class History {
  readonly #subject: StoreSubject
  readonly #chance: Chance
  readonly #ledgers = [new Ledger(owner(1)), new Ledger(owner(2))]
  #fronts: FrontEnd[] = []
  #serial = 0
  #now = NOW

  constructor(subject: StoreSubject, seed: number) {
    this.#subject = subject
    this.#chance = new Chance(seed)
  }

  async run(): Promise<void> {
    await this.#refill()
    for (const { owner: account } of this.#ledgers) await this.#any().join(account)
    for (let step = 0; step < STEPS; step++) {
      this.#arm()
      if (this.#chance.once(12)) await this.#beginAnew()
      const count = 1 + this.#chance.below(AT_ONCE)
      await Promise.all(Array.from({ length: count }, () => this.#step()))
      await this.#bury((front) => front.isDead() || this.#chance.once(6))
      for (const ledger of this.#ledgers) await ledger.check(this.#any())
      await balanced(this.#any())
    }
    await this.#bury(() => true)
    await this.#addUp()
    for (const ledger of this.#ledgers) {
      await ledger.drain(this.#any(), async () => (await this.#takeFrom(ledger, this.#any()))?.id)
    }
    await this.#leaveNothing()
  }

  /** When everything is due and everybody has left, nothing is kept, whoever died over it. */
  async #leaveNothing(): Promise<void> {
    while (await this.#any().expire(this.#now + LONG_MS));
    const members = this.#ledgers.length
    assert(
      (await this.#subject.kept()).entries <= members + OWN_ENTRIES,
      'something is kept for no time',
    )
    for (const { owner: account } of this.#ledgers) await this.#any().remove(account)
    assert((await this.#subject.kept()).entries <= OWN_ENTRIES, 'something is kept for nobody')
  }

  /** Somebody will die soon. */
  #arm(): void {
    if (!this.#chance.once(3)) return
    this.#chance.pick(this.#fronts)?.dieAt(1 + this.#chance.below(8), this.#chance.once(2))
  }

  async #step(): Promise<void> {
    const ledger = this.#chance.pick(this.#ledgers)
    if (ledger === undefined) return
    const store = this.#any()
    switch (this.#chance.below(10)) {
      case 0:
      case 1:
      case 2:
        return await this.#deposit(ledger, store)
      case 3:
        return await this.#repeat(ledger, store)
      case 4:
      case 5:
        return await this.#acknowledge(ledger, store)
      case 6:
        return await this.#upload(ledger, store)
      case 7:
      case 8:
        return await this.#take(ledger, store)
      default:
        return await this.#expire(store)
    }
  }

  async #deposit(ledger: Ledger, store: MailboxStore): Promise<void> {
    const text = `m${this.#serial++}`
    const length = 20 + this.#chance.below(300)
    const expiresAt = this.#now + SAFE_MS + STEP_MS * this.#chance.below(8)
    const letter = ledger.write(text, mail(ledger.owner, text, { length, expiresAt }))
    await this.#leave(ledger, store, letter)
  }

  async #repeat(ledger: Ledger, store: MailboxStore): Promise<void> {
    const old = ledger.letters.filter(({ mail: { expiresAt } }) => expiresAt >= this.#now + SAFE_MS)
    const letter = this.#chance.pick(old)
    if (letter !== undefined) await this.#leave(ledger, store, letter)
  }

  async #leave(
    ledger: Ledger,
    store: MailboxStore,
    letter: Ledger['letters'][number],
  ): Promise<void> {
    try {
      const { keptUntil } = await store.deposit(letter.mail)
      equal(keptUntil, letter.mail.keptUntil, 'the promise')
      ledger.promised(letter)
    } catch (cause) {
      if (isDeath(cause)) return ledger.unanswered(letter)
      assert(cause instanceof Refusal && cause.reason === 'quota', String(cause))
    }
  }

  async #acknowledge(ledger: Ledger, store: MailboxStore): Promise<void> {
    const named = ledger.visible.filter(() => this.#chance.once(2))
    const answered = await this.#answered(store.acknowledge(ledger.owner, named))
    ledger.acknowledged(named, answered)
  }

  async #upload(ledger: Ledger, store: MailboxStore): Promise<void> {
    const numbers = Array.from({ length: 3 }, () => 1 + this.#chance.below(60))
    const pairs = numbers.map((number) => pair(number))
    try {
      const answered = await this.#answered(store.putPairs(ledger.owner, pairs, this.#now + 1e6))
      ledger.uploaded(numbers, answered)
    } catch (cause) {
      assert(cause instanceof Refusal && cause.reason === 'quota', String(cause))
    }
  }

  async #take(ledger: Ledger, store: MailboxStore): Promise<void> {
    try {
      const taken = await this.#takeFrom(ledger, store)
      if (taken !== undefined) ledger.took(taken.id)
    } catch (cause) {
      if (!isDeath(cause)) throw cause
      ledger.lostTakings++
    }
  }

  async #takeFrom(ledger: Ledger, store: MailboxStore) {
    return await store.takePair(ledger.owner, this.#now, this.#now + 1e6)
  }

  async #expire(store: MailboxStore): Promise<void> {
    const now = (this.#now += STEP_MS)
    for (const ledger of this.#ledgers) ledger.expired(now, false)
    const done = await this.#answered(
      (async () => {
        while (await store.expire(now));
      })(),
    )
    if (done) for (const ledger of this.#ledgers) ledger.expired(now, true)
  }

  /** False when the front end died over it. */
  async #answered(asked: Promise<unknown>): Promise<boolean> {
    try {
      await asked
      return true
    } catch (cause) {
      if (isDeath(cause)) return false
      throw cause
    }
  }

  #any(): MailboxStore {
    const front = this.#chance.pick(this.#fronts)
    if (front === undefined) throw new Error('there is no front end')
    return front.store
  }

  /** One of the owners leaves and comes back. Whoever dies over it, somebody else goes on. */
  async #beginAnew(): Promise<void> {
    const number = this.#chance.below(this.#ledgers.length)
    const account = owner(1 + number)
    while (!(await this.#answered(this.#any().remove(account)))) await this.#bury(isDead)
    while (!(await this.#answered(this.#any().join(account)))) await this.#bury(isDead)
    this.#ledgers[number] = new Ledger(account)
  }

  /** Some are gone, and others come. */
  async #bury(goes: (front: FrontEnd) => boolean): Promise<void> {
    const going = this.#fronts.filter(goes)
    this.#fronts = this.#fronts.filter((front) => !going.includes(front))
    for (const front of going) await front.crash()
    await this.#refill()
  }

  async #refill(): Promise<void> {
    while (this.#fronts.length < this.#subject.frontEnds) {
      this.#fronts.push(await this.#subject.open())
    }
  }

  /** The whole is the sum of its parts. */
  async #addUp(): Promise<void> {
    const { waiting, waitingBytes, oneTimePairs } = await this.#any().statistics()
    let [messages, bytes, pairs] = [0, 0, 0]
    for (const { owner: account } of this.#ledgers) {
      const member = await this.#any().member(account)
      messages += member?.messages ?? 0
      bytes += member?.bytes ?? 0
      pairs += member?.pairs ?? 0
    }
    equal([waiting, waitingBytes, oneTimePairs], [messages, bytes, pairs], 'statistics')
  }
}

function isDead(front: FrontEnd): boolean {
  return front.isDead()
}

function isDeath(cause: unknown): boolean {
  return cause instanceof StoreError
}
