// A mailbox that will end: it takes no new mail and no new members, tells its members so with a signature, and hands out what it
// has until nothing is left.

import { signRetirement, type Retirement as Notice } from '../protocol/custody.ts'
import type { Account } from '../protocol/account.ts'
import type { Clock } from '../net/ports.ts'
import type { MailboxStore } from './store.ts'

export interface RetirementInit {
  readonly account: Account
  readonly store: MailboxStore
  readonly clock: Clock
}

/** Kept instead of a notice while there is none. */
const NONE = new Uint8Array(0)

export class Retirement {
  readonly #init: RetirementInit
  #notice: Uint8Array = NONE

  constructor(init: RetirementInit) {
    this.#init = init
  }

  /** The signed notice; empty while the mailbox goes on. */
  get notice(): Uint8Array {
    return this.#notice
  }

  get isDraining(): boolean {
    return this.#notice.length > 0
  }

  /** Reads what is stored: at the start, and now and then, as another front end may have written it. */
  async load(): Promise<void> {
    this.#notice = (await this.#init.store.setting('retirement')) ?? NONE
  }

  /** From now on, in the favour of the mailbox named, if any. Durable when it resolves; again, it changes who is named. */
  async begin(successor: Pick<Notice, 'successor' | 'addresses'>): Promise<void> {
    const { account, clock } = this.#init
    await this.#put(signRetirement(account, { ...successor, at: clock.now() }))
  }

  /** The mailbox goes on after all. */
  async end(): Promise<void> {
    await this.#put(NONE)
  }

  async #put(notice: Uint8Array): Promise<void> {
    const { store } = this.#init
    while (!(await store.replaceSetting('retirement', notice, await store.setting('retirement'))));
    this.#notice = notice
  }
}
