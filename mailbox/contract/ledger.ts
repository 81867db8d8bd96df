// What everybody was told in a history, and what therefore must, may and must not be there.

import { assert, equal } from './assert.ts'
import { EVERYTHING, ids, LIMITS, texts } from './people.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { MailboxStore, NewMail } from '../store.ts'

/** Of one envelope: whether it waits. `maybe` until somebody has looked, after a front end died over it. */
type Place = 'absent' | 'maybe' | 'waiting' | 'maybe gone' | 'gone'

interface Letter {
  readonly mail: NewMail
  readonly text: string
  place: Place
}

/** Of one owner. */
export class Ledger {
  readonly owner: AccountKey
  readonly #letters = new Map<string, Letter>()
  /** As the owner saw it last. */
  readonly #seen = new Map<number, string>()
  #lastId = 0
  readonly #uploaded = new Set<number>()
  readonly #maybeUploaded = new Set<number>()
  readonly #taken = new Set<number>()
  /** Takings that died: each may have cost a pair. */
  lostTakings = 0

  constructor(owner: AccountKey) {
    this.owner = owner
  }

  get letters(): readonly Letter[] {
    return [...this.#letters.values()]
  }

  /** Ids of what waits, as far as the owner has seen it. */
  get visible(): readonly number[] {
    return [...this.#seen.keys()]
  }

  /** Of waiting mail, at the most and at the least. */
  get most(): number {
    return this.letters.filter(({ place }) => place !== 'absent' && place !== 'gone').length
  }

  write(text: string, mail: NewMail): Letter {
    const letter: Letter = { mail, text, place: 'absent' }
    this.#letters.set(text, letter)
    return letter
  }

  /** The deposit was answered. */
  promised(letter: Letter): void {
    if (letter.place === 'absent' || letter.place === 'maybe') letter.place = 'waiting'
  }

  /** Nobody answered. */
  unanswered(letter: Letter): void {
    if (letter.place === 'absent') letter.place = 'maybe'
  }

  acknowledged(numbers: readonly number[], answered: boolean): void {
    for (const number of numbers) {
      const letter = this.#letters.get(this.#seen.get(number) ?? '')
      if (letter !== undefined) letter.place = answered ? 'gone' : later(letter.place)
    }
  }

  expired(now: number, done: boolean): void {
    for (const letter of this.letters) {
      if (letter.mail.expiresAt > now) continue
      if (done) letter.place = 'gone'
      else letter.place = later(letter.place)
    }
  }

  uploaded(numbers: readonly number[], answered: boolean): void {
    for (const number of numbers) (answered ? this.#uploaded : this.#maybeUploaded).add(number)
  }

  took(number: number): void {
    assert(!this.#taken.has(number), `pair ${number} was given twice`)
    const known = this.#uploaded.has(number) || this.#maybeUploaded.has(number)
    assert(known, `pair ${number} was never uploaded`)
    this.#taken.add(number)
  }

  /** Everything must be as it was told, while nothing is going on. */
  async check(store: MailboxStore): Promise<void> {
    const run = await store.read(this.owner, 0, EVERYTHING)
    const [found, numbers] = [texts(run), ids(run)]
    equal(new Set(found).size, found.length, `doubles among ${found.join()}`)
    for (const [n, text] of found.entries()) this.#arrived(text, numbers[n] ?? 0)
    this.#lastId = Math.max(this.#lastId, ...numbers)
    for (const letter of this.letters) this.#settle(letter, found.includes(letter.text))
    this.#seen.clear()
    for (const [n, text] of found.entries()) this.#seen.set(numbers[n] ?? 0, text)
    await this.#count(
      store,
      run.items.map(({ envelope }) => envelope.length),
    )
  }

  /** Takes what is left on the shelf. */
  async drain(store: MailboxStore, take: () => Promise<number | undefined>): Promise<void> {
    const left = (await store.member(this.owner))?.pairs ?? 0
    let drained = 0
    for (let id = await take(); id !== undefined; id = await take()) {
      this.took(id)
      drained++
    }
    assert(
      drained <= left && left - drained <= this.lostTakings,
      `${drained} of ${left} pairs left`,
    )
    const missing = [...this.#uploaded].filter((id) => !this.#taken.has(id))
    assert(missing.length <= this.lostTakings, `pairs ${missing.join()} are lost`)
  }

  #arrived(text: string, number: number): void {
    const letter = this.#letters.get(text)
    assert(letter !== undefined, `${text} was never left`)
    assert(letter.place !== 'gone', `${text} came back`)
    const before = this.#seen.get(number)
    if (before !== undefined) equal(text, before, `mail ${number}`)
    else assert(number > this.#lastId, `${text} came as ${number}, behind ${this.#lastId}`)
  }

  #settle(letter: Letter, isThere: boolean): void {
    const { place, text } = letter
    assert(isThere || place !== 'waiting', `${text} was promised and is not there`)
    if (isThere) letter.place = 'waiting'
    else if (place === 'maybe') letter.place = 'absent'
    else if (place === 'maybe gone') letter.place = 'gone'
  }

  async #count(store: MailboxStore, lengths: readonly number[]): Promise<void> {
    const member = await store.member(this.owner)
    const bytes = lengths.reduce((sum, length) => sum + length, 0)
    equal([member?.messages, member?.bytes], [lengths.length, bytes], 'counters')
    assert(lengths.length <= LIMITS.ownerMessages && bytes <= LIMITS.ownerBytes, 'over the quota')
    assert((member?.pairs ?? 0) <= LIMITS.ownerPairs, 'over the limit of pairs')
  }
}

/** Somebody who died over it may have let it go. */
function later(place: Place): Place {
  return place === 'waiting' || place === 'maybe' ? 'maybe gone' : place
}
