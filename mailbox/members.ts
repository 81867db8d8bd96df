// Who may be deposited for, and their counters. All of them are in memory: a few hundred bytes each.

import { equalBytes, hash } from '../protocol/crypto.ts'
import { accountKey } from '../protocol/account.ts'
import { toHex } from '../protocol/bytes.ts'
import { keys, lastNumber } from './keys.ts'
import { Refusal } from './refusal.ts'
import { Damaged } from './sound-records.ts'
import { decodeMember, encodeMember } from './stored.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'
import type { SoundRecords } from './sound-records.ts'
import type { StoredMember } from './stored.ts'

/** An owner, known here by a number. */
export interface Member extends StoredMember {
  readonly number: number
  readonly account: AccountKey
}

type Counters = Omit<StoredMember, 'account'>

export interface MembersInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly limits: MailboxLimits
}

/**
 * A `Member` is a value of its moment. Whoever changes counters does it in one step without `await` between `find`, `change`
 * and the commit that carries the returned operation: commits are written in the order of their calls, so the last one wins.
 */
export class Members {
  readonly #records: Records
  readonly #sound: SoundRecords
  readonly #limits: MailboxLimits
  readonly #byAccount = new Map<string, number>()
  readonly #byNumber = new Map<number, Member>()
  /** Of those who are being added: until it is durable, nobody is told that it is done. */
  readonly #adding = new Map<number, Promise<void>>()
  #loaded = false
  #last = 0
  #joinHash: Uint8Array | undefined

  constructor(init: MembersInit) {
    this.#records = init.records
    this.#sound = init.sound
    this.#limits = init.limits
  }

  /**
   * Reads everything again. Nobody is a member until it is done, so that nothing is counted that the reading misses. A damaged
   * member is none any more; the number stays taken, since mail may be stored under it.
   */
  async load(): Promise<void> {
    this.#loaded = false
    this.#byAccount.clear()
    this.#byNumber.clear()
    const members: Member[] = []
    let last = 0
    const passed = (key: string): void => void (last = Math.max(last, lastNumber(key)))
    for await (const { key, value } of this.#sound.range(keys.members, decodeMember, { passed })) {
      members.push({ ...value, number: lastNumber(key), account: accountKey(value.account) })
    }
    const joinHash = await this.#sound.get(keys.joinHash, (value) => value)
    this.#joinHash = joinHash instanceof Damaged ? undefined : joinHash
    for (const member of members) this.#keep(member)
    this.#last = Math.max(last, ...this.#byNumber.keys())
    this.#loaded = true
  }

  /** False while they are being read: then it cannot be told who is a member. */
  get loaded(): boolean {
    return this.#loaded
  }

  get count(): number {
    return this.#byNumber.size
  }

  all(): Iterable<Member> {
    return this.#byNumber.values()
  }

  find(account: Uint8Array): Member | undefined {
    const number = this.#byAccount.get(toHex(account))
    return number === undefined ? undefined : this.#byNumber.get(number)
  }

  get(number: number): Member | undefined {
    return this.#byNumber.get(number)
  }

  /** Sets the counters, and returns the operation that has to go into the same commit. */
  change(member: Member, counters: Partial<Counters>): Operation {
    const next: Member = { ...member, ...counters }
    this.#byNumber.set(next.number, next)
    return { type: 'put', key: keys.member(next.number), value: encodeMember(next) }
  }

  /** From now on this secret lets people in, and no other. Only its hash is kept. */
  async setJoinSecret(secret: Uint8Array): Promise<void> {
    const value = hashOf(secret)
    await this.#records.commit([{ type: 'put', key: keys.joinHash, value }])
    this.#joinHash = value
  }

  /** Whether the secret is the one that lets people in; in constant time. */
  isJoinSecret(secret: Uint8Array): boolean {
    return this.#joinHash !== undefined && equalBytes(hashOf(secret), this.#joinHash)
  }

  /** Makes an account a member; durable when it resolves. Throws `Refusal` quota when the mailbox has no room. */
  async add(account: AccountKey): Promise<void> {
    const known = this.find(account)
    if (known !== undefined) return await this.#adding.get(known.number)
    if (this.count >= this.#limits.members) throw new Refusal('quota')
    const counters = { bytes: 0, messages: 0, receipts: 0, lastItem: 0, pairs: 0, lastPair: 0 }
    const member: Member = { number: ++this.#last, account, ...counters }
    this.#keep(member)
    const added = this.#records.commit([this.change(member, {})])
    this.#adding.set(member.number, added)
    try {
      await added
    } finally {
      this.#adding.delete(member.number)
    }
  }

  #keep(member: Member): void {
    this.#byAccount.set(toHex(member.account), member.number)
    this.#byNumber.set(member.number, member)
  }
}

/** `G(32, none, "token"; secret)` */
function hashOf(secret: Uint8Array): Uint8Array {
  return hash(32, 'token', secret)
}
