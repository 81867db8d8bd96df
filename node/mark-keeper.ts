// Hears from our own mailboxes how far our store was, once from each in a run, and seals for them how far it is.

import type { AccountKey } from '../protocol/account.ts'
import { toHex, type RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'
import type { CommitMark } from '../net/commit-chain.ts'
import { KeyedLock } from '../net/lock.ts'
import type { Records } from '../net/records.ts'
import { openMark, sealMark, type MarkPlace } from './marks.ts'

export interface MarkKeeperInit {
  readonly account: AccountKey
  readonly records: Records
  readonly random: RandomBytes
  /** A mark of an earlier run: the store may be behind it. One after another. Rejects with `StoreError`. */
  readonly onMark: (mark: CommitMark) => Promise<void>
  /** A mailbox has answered, and what it said is dealt with. `count`: so many have. */
  readonly onHeard: (count: number) => void
}

/** What a mailbox of ours is asked and told. */
export interface Marks {
  /** Resolves when what it says is dealt with. Rejects with `StoreError`, and is then to be asked again. */
  readonly heard: (mailbox: AccountKey, sealed: Uint8Array) => Promise<void>
  /** What to put there now; undefined before it was heard, and while there is nothing. */
  readonly next: (mailbox: AccountKey) => Promise<Uint8Array | undefined>
}

/** Two mailboxes may answer at once, and tell the same. */
const LOCK = 'heard'

export class MarkKeeper implements Marks {
  readonly #init: MarkKeeperInit
  readonly #lock = new KeyedLock()
  readonly #heard = new Set<string>()
  #key: Secret<'MarkKey'> | undefined

  constructor(init: MarkKeeperInit) {
    this.#init = init
  }

  /** What comes later in a run is ours, or of a copy that runs beside us, which shows otherwise. */
  readonly heard = (mailbox: AccountKey, sealed: Uint8Array): Promise<void> =>
    this.#lock.run(LOCK, async () => {
      const name = toHex(mailbox)
      if (this.#heard.has(name)) return
      const mark = sealed.length === 0 ? undefined : openMark(this.#place(mailbox), sealed)
      if (mark !== undefined) await this.#init.onMark(mark)
      this.#heard.add(name)
      this.#init.onHeard(this.#heard.size)
    })

  /** Runs `task` while no mailbox is being heard. Settles as it does. */
  between(task: () => Promise<void>): Promise<void> {
    return this.#lock.run(LOCK, task)
  }

  readonly next = async (mailbox: AccountKey): Promise<Uint8Array | undefined> => {
    if (!this.#heard.has(toHex(mailbox))) return undefined
    const mark = await this.#init.records.durable()
    if (mark.number === 0) return undefined
    return sealMark(this.#place(mailbox), mark, this.#init.random)
  }

  stop(): void {
    this.#key?.wipe()
    this.#key = undefined
  }

  #place(mailbox: AccountKey): MarkPlace {
    this.#key ??= this.#init.records.markKey()
    return { key: this.#key, account: this.#init.account, mailbox }
  }
}
