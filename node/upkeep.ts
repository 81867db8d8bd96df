// What time makes due, looked at every hour: keys are rotated and destroyed, old things expire, contacts are looked up again.

import type { Clock, Timer } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import type { ContactBook } from './contacts.ts'
import { correctTimes, expireOld } from './expire.ts'
import type { Introducer } from './introduce.ts'
import { DAY, HOUR } from './lifetimes.ts'
import type { OwnKeys } from './own-keys.ts'
import type { OwnMailboxes } from './own-mailboxes.ts'
import type { TokenDesk } from './token-desk.ts'

export interface UpkeepInit {
  readonly clock: Clock
  readonly records: Records
  readonly book: ContactBook
  readonly ownKeys: OwnKeys
  readonly introducer: Introducer
  readonly tokens: Pick<TokenDesk, 'maintain'>
  readonly mailboxes: Pick<OwnMailboxes, 'lookForLost'>
}

/** Sessions that are gone here and that are replaced in one such look: a store that lost many shall not ask for all at once. */
const MAX_LOST = 30

/** Keys of records that must die live no longer than this, and an hour. */
const EPOCH = DAY

export class Upkeep {
  readonly #init: UpkeepInit
  #timer: Timer | undefined
  #running = false

  constructor(init: UpkeepInit) {
    this.#init = init
  }

  get isRunning(): boolean {
    return this.#running
  }

  start(): void {
    this.#running = true
    this.#plan()
  }

  stop(): void {
    this.#running = false
    this.#timer?.cancel()
  }

  #plan(): void {
    this.#timer = this.#init.clock.after(HOUR, () => {
      void this.#run().then(() => {
        if (this.#running) this.#plan()
      })
    })
  }

  /** Never rejects: what fails now is tried again in an hour. */
  async #run(): Promise<void> {
    const { records, book, ownKeys, introducer, tokens, mailboxes } = this.#init
    try {
      await ownKeys.maintain()
      await tokens.maintain()
      await this.#expire()
      await mailboxes.lookForLost()
      let lost = 0
      for (const conversation of book.all()) {
        if (await conversation.tend({ lookForLost: lost < MAX_LOST })) lost++
        introducer.ensure(conversation) // what had to wait may be due
      }
      if (records.epochAge >= EPOCH) await records.renewKeys()
      await introducer.refreshOld(book.all())
    } catch {
      // the store or the network; see above
    }
  }

  /** What has died since the last change of the keys can be read no more. Never rejects: the next start goes on with it. */
  async endEpoch(): Promise<void> {
    const { records } = this.#init
    if (records.hasDead) await records.renewKeys().catch(() => undefined)
  }

  async #expire(): Promise<void> {
    const { clock, book, records, ownKeys } = this.#init
    if (ownKeys.guard.check()) await correctTimes({ book, records }, clock.now())
    const by = ownKeys.guard.destroyBy
    if (by !== undefined) await expireOld({ book, records, ownKeys }, by)
  }
}
