// What a mailbox keeps when its operator means harm: the store of production, asked for something else than was wanted.
import { toHex } from '../../protocol/bytes.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { MailboxStore, NewMail, NewPair } from '../../mailbox/store.ts'
import type { Dice } from '../campaign/dice.ts'
import type { FaultLog } from './faults.ts'

/**
 * It signs for mail that it throws away, keeps it from its owner, brings it again or to somebody else, hands over another's queue or
 * its own in another order, and gives a one-time pair to two.
 */
export const MAILBOX_LIES = [
  'drops',
  'holds',
  'replays',
  'misdelivers',
  'swaps queues',
  'reorders',
  'hands out a key twice',
] as const

export type MailboxLie = (typeof MAILBOX_LIES)[number]

/** Mails that are remembered to be brought again, and pairs that are to be handed out again. */
const MEMORY = 20

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
    takePair: (...asked) => liar.takePair(...asked),
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
  #mails: readonly NewMail[] = []
  #pairs: readonly { readonly owner: string; readonly pair: NewPair }[] = []

  constructor(init: LyingStoreInit) {
    this.#init = init
  }

  async deposit(mail: NewMail): ReturnType<MailboxStore['deposit']> {
    const { store, dice } = this.#init
    const { envelopeDigest, keptUntil } = mail
    const owner = (await store.member(mail.owner))?.account
    if (owner === undefined) return store.deposit(mail)
    this.#mails = [...this.#mails, mail].slice(-MEMORY)
    if (this.#isTold('drops')) return { envelopeDigest, owner, keptUntil }
    if (this.#isTold('misdelivers')) {
      await store.deposit({ ...mail, owner: await this.#anybody() })
      return { envelopeDigest, owner, keptUntil }
    }
    if (this.#isTold('replays')) {
      const { takenAt, expiresAt } = mail
      const old = { ...dice.pick(this.#mails), takenAt, expiresAt, keptUntil }
      await store.deposit({ ...old, depositId: dice.bytes(16) })
    }
    return store.deposit(mail)
  }

  async read(...asked: Parameters<MailboxStore['read']>): ReturnType<MailboxStore['read']> {
    const { store, dice } = this.#init
    if (this.#isTold('holds')) return { items: [], more: false }
    const [owner, after, room] = asked
    const whose = this.#isTold('swaps queues') ? await this.#anybody() : owner
    const { items, more } = await store.read(whose, after, room)
    if (items.length === 0 || !this.#init.lies().includes('reorders')) return { items, more }
    if (items.length === 1) return { items: dice.onceIn(4) ? items : [], more } // until there is another
    this.#init.faults.happened('mailbox reorders')
    const cut = 1 + dice.below(items.length - 1)
    return { items: [...items.slice(cut), ...items.slice(0, cut)], more }
  }

  async takePair(
    ...asked: Parameters<MailboxStore['takePair']>
  ): ReturnType<MailboxStore['takePair']> {
    const { store, dice } = this.#init
    const owner = toHex(asked[0])
    const given = this.#pairs.filter((one) => one.owner === owner)
    if (given.length > 0 && this.#init.lies().includes('hands out a key twice')) {
      this.#init.faults.happened('mailbox hands out a key twice')
      return dice.pick(given).pair
    }
    const pair = await store.takePair(...asked)
    if (pair !== undefined) this.#pairs = [...this.#pairs, { owner, pair }].slice(-MEMORY)
    return pair
  }

  async #anybody(): Promise<AccountKey> {
    const { store, dice } = this.#init
    return dice.pick(await store.members(10)).account
  }

  #isTold(lie: MailboxLie): boolean {
    if (!this.#lies(lie)) return false
    this.#init.faults.happened(`mailbox ${lie}`)
    return true
  }

  #lies(lie: MailboxLie): boolean {
    const { dice, lies } = this.#init
    return lies().includes(lie) && dice.onceIn(2)
  }
}
