// What everybody was told in a campaign of kills, and what must not be so.
import { platformRandom as random } from '../../net/platform/random.ts'
import { envelope, textOf } from '../mailbox/world.ts'
import { testAccount } from './accounts.ts'
import type { RunningMailbox } from './killed-mailbox.ts'
import type { DepositInit, MailboxItem } from '../../net/mailbox-client.ts'
import type { Account } from '../../protocol/account.ts'

/** An owner and the mail of theirs. */
export class Owner {
  readonly account: Account = testAccount(random)
  /** When the promise of each ends, by the clock of the mailbox. */
  readonly promised = new Map<string, number>()
  readonly received = new Map<string, bigint>()
  /** Acknowledged, and the mailbox has confirmed it. */
  readonly settled = new Set<string>()
  /** One-time pairs that strangers got. */
  readonly taken = new Set<number>()
  uploaded = 0

  /** What was promised, is still due, and never came. */
  missing(now: number): readonly string[] {
    return this.#unseen().filter((text) => (this.promised.get(text) ?? 0) > now)
  }

  /** What never came because nobody asked until the promise ended. */
  expired(now: number): number {
    return this.#unseen().length - this.missing(now).length
  }

  /** Promises that have ended, and of which the mailbox has not said that the owner had it. */
  ended(now: number): number {
    return [...this.promised].filter(([text, until]) => until <= now && !this.settled.has(text))
      .length
  }

  #unseen(): readonly string[] {
    return [...this.promised.keys()].filter((text) => !this.received.has(text))
  }
}

/** A deposit with the owner it is for. */
export interface Pending {
  readonly owner: Owner
  readonly deposit: DepositInit
  /** When it was tried first, in ms that the mailbox has been running for. */
  readonly tried: number
}

/** A deposit is not left again after so much of the running time: its id is known for half as long again. */
const TRIED_MS = 480

export class Ledger {
  /** Fetches in every life. */
  readonly home = new Owner()
  /** Comes back now and then, and at the end. */
  readonly away = new Owner()
  readonly faults: string[] = []
  /** Those whose receipt never came are left again under the same id, as senders do. */
  readonly #unpromised: Pending[] = []
  #serial = 0
  #givenUp = 0

  get owners(): readonly Owner[] {
    return [this.home, this.away]
  }

  /** One whose receipt never came, or a new one. */
  next(now: number): Pending {
    return this.again(now) ?? this.#fresh(now)
  }

  /** Of those whose receipt never came. */
  again(now: number): Pending | undefined {
    let pending = this.#unpromised.shift()
    while (pending !== undefined && now - pending.tried > TRIED_MS) {
      this.#givenUp++
      pending = this.#unpromised.shift()
    }
    return pending
  }

  promise({ owner, deposit }: Pending, keptUntil: number): void {
    owner.promised.set(textOf(deposit.envelope), keptUntil)
  }

  fail(pending: Pending): void {
    this.#unpromised.push(pending)
  }

  /** What a mailbox says of itself before anybody visits it. */
  addUp({ status }: RunningMailbox, now: number): void {
    const { accepted, removed, waiting, damaged, expired } = status
    if (damaged > 0)
      this.faults.push(`a mailbox that was killed says that its store has lost something`)
    const promised = this.#sum((owner) => owner.promised.size)
    if (accepted < promised) this.faults.push(`${promised} were promised, and ${accepted} accepted`)
    const unknown = this.#unpromised.length + this.#givenUp
    const ended = this.#sum((owner) => owner.ended(now)) + unknown
    if (expired > ended) this.faults.push(`${expired} have expired, and ${ended} promises ended`)
    if (accepted === removed + waiting) return
    this.faults.push(`of ${accepted} accepted, ${removed} are gone and ${waiting} wait`)
  }

  receive(owner: Owner, items: readonly MailboxItem[]): void {
    for (const { id, envelope: bytes } of items) {
      const text = textOf(bytes)
      const before = owner.received.get(text)
      if (before !== undefined && before !== id) this.faults.push(`${text} was there twice`)
      if (owner.settled.has(text)) this.faults.push(`${text} came after it was acknowledged`)
      owner.received.set(text, id)
    }
  }

  take({ taken }: Owner, id: number): void {
    if (taken.has(id)) this.faults.push(`pair ${id} was given twice`)
    taken.add(id)
  }

  #sum(of: (owner: Owner) => number): number {
    return of(this.home) + of(this.away)
  }

  #fresh(now: number): Pending {
    const serial = this.#serial++
    const owner = serial % 4 === 0 ? this.away : this.home
    const bytes = envelope(`${serial}`, { length: 700, first: serial % 3 === 0 })
    const deposit = { owner: owner.account.key, depositId: random(16), envelope: bytes }
    return { owner, deposit, tried: now }
  }
}
