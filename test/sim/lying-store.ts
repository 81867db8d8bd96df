// What a mailbox keeps when its operator means harm: the store of production, asked for something else than was wanted.
import type { MailboxStore, NewMail } from '../../mailbox/store.ts'
import type { Dice } from '../campaign/dice.ts'
import type { FaultLog } from './faults.ts'

/** It signs for mail that it throws away, keeps it from its owner, or brings it twice or to somebody else. */
export const MAILBOX_LIES = ['drops', 'holds', 'replays', 'swaps'] as const

export type MailboxLie = (typeof MAILBOX_LIES)[number]

export interface LyingStoreInit {
  readonly store: MailboxStore
  readonly dice: Dice
  readonly faults: FaultLog
  /** Lies that are told now, each in half of the cases. */
  readonly lies: () => readonly MailboxLie[]
}

export function lyingStore(init: LyingStoreInit): MailboxStore {
  const { store } = init
  const liar = new Liar(init)
  const lies: Partial<MailboxStore> = {
    deposit: (mail) => liar.deposit(mail),
    read: (...asked) => liar.read(...asked),
  }
  return new Proxy(store, {
    get: (target, name) => {
      const lie: unknown = Reflect.get(lies, name)
      if (lie !== undefined) return lie
      const value: unknown = Reflect.get(target, name, target)
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
}

class Liar {
  readonly #init: LyingStoreInit

  constructor(init: LyingStoreInit) {
    this.#init = init
  }

  async deposit(mail: NewMail): ReturnType<MailboxStore['deposit']> {
    const { store, dice } = this.#init
    const { envelopeDigest, keptUntil } = mail
    const owner = (await store.member(mail.owner))?.account
    if (owner === undefined) return store.deposit(mail)
    if (this.#isTold('drops')) return { envelopeDigest, owner, keptUntil }
    if (this.#isTold('swaps')) {
      const other = dice.pick(await store.members(10)).account
      await store.deposit({ ...mail, owner: other })
      return { envelopeDigest, owner, keptUntil }
    }
    if (this.#isTold('replays')) await store.deposit({ ...mail, depositId: dice.bytes(16) })
    return store.deposit(mail)
  }

  async read(...asked: Parameters<MailboxStore['read']>): ReturnType<MailboxStore['read']> {
    if (this.#isTold('holds')) return { items: [], more: false }
    return this.#init.store.read(...asked)
  }

  #isTold(lie: MailboxLie): boolean {
    const { dice, faults, lies } = this.#init
    if (!lies().includes(lie) || dice.onceIn(2)) return false
    faults.happened(`mailbox ${lie}`)
    return true
  }
}
