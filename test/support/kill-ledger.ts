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

  /** What was promised, is still due, and never came. */
  missing(now: number): readonly string[] {
    return this.#unseen().filter((text) => (this.promised.get(text) ?? 0) > now)
  }

  /** What never came because nobody asked until the promise ended. */
  expired(now: number): number {
    return this.#unseen().length - this.missing(now).length
  }

  #unseen(): readonly string[] {
    return [...this.promised.keys()].filter((text) => !this.received.has(text))
  }
}

/** A deposit with the owner it is for. */
export interface Pending {
  readonly owner: Owner
  readonly deposit: DepositInit
}

export class Ledger {
  /** Fetches in every life. */
  readonly home = new Owner()
  /** Comes back at the end. */
  readonly away = new Owner()
  readonly taken = new Set<number>()
  readonly faults: string[] = []
  uploaded = 0
  /** Those whose receipt never came are left again under the same id, as senders do. */
  unpromised: Pending[] = []
  #serial = 0

  next(): Pending {
    return this.unpromised.shift() ?? this.#fresh()
  }

  /** What a mailbox says of itself before anybody visits it. */
  addUp({ status: { accepted, removed, waiting, damaged } }: RunningMailbox): void {
    if (damaged > 0)
      this.faults.push(`a mailbox that was killed says that its store has lost something`)
    const promised = this.home.promised.size + this.away.promised.size
    if (accepted < promised) this.faults.push(`${promised} were promised, and ${accepted} accepted`)
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

  take(id: number): void {
    if (this.taken.has(id)) this.faults.push(`pair ${id} was given twice`)
    this.taken.add(id)
  }

  #fresh(): Pending {
    const serial = this.#serial++
    const owner = serial % 4 === 0 ? this.away : this.home
    const bytes = envelope(`${serial}`, { length: 700, first: serial % 3 === 0 })
    return { owner, deposit: { owner: owner.account.key, depositId: random(16), envelope: bytes } }
  }
}
