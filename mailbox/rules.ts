// What an operator may change while the mailbox runs. Whoever needs it asks each time, and keeps no copy.

import { DEFAULT_LIMITS } from './limits.ts'
import type { PeerName } from '../net/ports.ts'
import type { MailboxLimits } from './limits.ts'

/** Who may become a member. Members stay, whatever it says. */
export interface Joining {
  /** By invitation, who is on the list, or everybody. */
  readonly policy: 'invite' | 'allow-list' | 'open'
  /** The list. */
  readonly members: readonly PeerName[]
  /** False: nobody. */
  readonly newMembers: boolean
}

export const DEFAULT_JOINING: Joining = { policy: 'invite', members: [], newMembers: true }

export interface RulesInit {
  readonly limits?: Partial<MailboxLimits> | undefined
  readonly joining?: Partial<Joining> | undefined
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] }

export class Rules {
  readonly #limits: Mutable<MailboxLimits> = { ...DEFAULT_LIMITS }
  readonly #joining: Mutable<Joining> = { ...DEFAULT_JOINING }

  constructor(init: RulesInit = {}) {
    this.change(init)
  }

  /** Always the same object, with the values of the moment. */
  get limits(): MailboxLimits {
    return this.#limits
  }

  /** Like `limits`. */
  get joining(): Joining {
    return this.#joining
  }

  /** What is not named stays. */
  change({ limits, joining }: RulesInit): void {
    Object.assign(this.#limits, limits)
    Object.assign(this.#joining, joining)
  }
}
