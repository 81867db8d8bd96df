// Who may be deposited for, and their counters. All of them are in memory: a few hundred bytes each.

import { accountKey } from '../../protocol/account.ts'
import { toHex } from '../../protocol/bytes.ts'
import { StoreError } from '../../net/store-error.ts'
import { addFlow, NO_FLOW } from '../flow.ts'
import { mustAdmit, withUse } from '../invitations.ts'
import { Refusal } from '../refusal.ts'
import { keys, lastNumber } from './keys.ts'
import { Damaged } from './sound-records.ts'
import { decodeFormer, decodeMember, decodePolicy, decodeTokens } from './stored.ts'
import { encodeFormer, encodeMember, encodePolicy, encodeTokens } from './stored.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Operation, Records } from '../../net/records.ts'
import type { Flow } from '../flow.ts'
import type { Admission, DeliveryToken, MemberPolicy, StoreLimits } from '../store.ts'
import type { Invitations } from './invitations.ts'
import type { SoundRecords } from './sound-records.ts'
import type { StoredFormer, StoredMember } from './stored.ts'

/** An owner, known here by a number. */
export interface LevelMember extends StoredMember {
  readonly number: number
  readonly account: AccountKey
  readonly policy: MemberPolicy
  readonly tokens: readonly DeliveryToken[]
  /** Envelopes that are there, counted one by one at the start: `messages` is what they should be. */
  readonly items: number
}

type Counters = Omit<StoredMember, 'account'> & Pick<LevelMember, 'items'>

export interface MembersInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly limits: StoreLimits
  readonly invitations: Invitations
}

const NOTHING: Counters = {
  ...{ bytes: 0, messages: 0, strangerBytes: 0, strangerMessages: 0 },
  ...{ receipts: 0, lastItem: 0, pairs: 0, lastPair: 0, flow: NO_FLOW, items: 0 },
}

const DEFAULT_POLICY: MemberPolicy = { label: '', status: 'active', quota: undefined }

const NO_FORMER: StoredFormer = { last: 0, flow: NO_FLOW }

/** What is known of a member whose policy cannot be read: nothing new is taken until the operator has set it again. */
const LOST_POLICY: MemberPolicy = { ...DEFAULT_POLICY, status: 'suspended' }

/**
 * A `LevelMember` is a value of its moment. Whoever changes counters does it in one step without `await` between `find`, `change`
 * and the commit that carries the returned operation: commits are written in the order of their calls, so the last one wins.
 */
export class Members {
  readonly #records: Records
  readonly #sound: SoundRecords
  readonly #limits: StoreLimits
  readonly #invitations: Invitations
  readonly #byAccount = new Map<string, number>()
  readonly #byNumber = new Map<number, LevelMember>()
  /** Of those who are being added: until it is durable, nobody is told that it is done. */
  readonly #adding = new Map<number, Promise<void>>()
  #loaded = false
  #last = 0
  #bytes = 0
  /** Of those who have left. */
  #formerFlow: Flow = NO_FLOW

  constructor(init: MembersInit) {
    this.#records = init.records
    this.#sound = init.sound
    this.#limits = init.limits
    this.#invitations = init.invitations
  }

  /**
   * Reads everything again. Until it is done nobody can tell who is a member, so that nothing is counted that the reading misses.
   * A damaged member is none any more; the number stays taken, since mail may be stored under it.
   */
  async load(): Promise<void> {
    this.#loaded = false
    this.#byAccount.clear()
    this.#byNumber.clear()
    this.#bytes = 0
    await this.#invitations.load()
    const members: LevelMember[] = []
    const former = await this.#former()
    let { last } = former
    const passed = (key: string): void => void (last = Math.max(last, lastNumber(key)))
    for await (const { key, value } of this.#sound.range(keys.members, decodeMember, { passed })) {
      const number = lastNumber(key)
      const [policy, tokens] = [await this.#policy(number), await this.#tokens(number)]
      const items = await this.#records.count(keys.items(number))
      members.push({ ...value, number, account: accountKey(value.account), policy, tokens, items })
    }
    for (const member of members) this.#keep(member)
    this.#last = Math.max(last, ...this.#byNumber.keys())
    this.#formerFlow = former.flow
    this.#loaded = true
  }

  /** Of all envelopes that wait. */
  get bytes(): number {
    return this.#bytes
  }

  get count(): number {
    return this.#byNumber.size
  }

  /** Of all that there are and that there were. */
  get flow(): Flow {
    return [...this.all()].reduce((sum, { flow }) => addFlow(sum, flow), this.#formerFlow)
  }

  all(): Iterable<LevelMember> {
    return this.#byNumber.values()
  }

  /** Throws `StoreError` while they are being read. */
  find(account: Uint8Array): LevelMember | undefined {
    this.#mustBeLoaded()
    const number = this.#byAccount.get(toHex(account))
    return number === undefined ? undefined : this.#byNumber.get(number)
  }

  /** Throws `StoreError` while they are being read. */
  get(number: number): LevelMember | undefined {
    this.#mustBeLoaded()
    return this.#byNumber.get(number)
  }

  /** In the order of their accounts. */
  page(limit: number, after: AccountKey | undefined): readonly LevelMember[] {
    this.#mustBeLoaded()
    const from = after === undefined ? '' : toHex(after)
    const names = [...this.#byAccount.keys()].filter((name) => name > from).toSorted()
    return names.slice(0, limit).flatMap((name) => {
      const member = this.#byNumber.get(this.#byAccount.get(name) ?? 0)
      return member === undefined ? [] : [member]
    })
  }

  /** Sets the counters, and returns the operation that has to go into the same commit. */
  change(member: LevelMember, counters: Partial<Counters>): Operation {
    const next: LevelMember = { ...member, ...counters }
    this.#bytes += next.bytes - (this.#byNumber.get(next.number)?.bytes ?? 0)
    this.#byNumber.set(next.number, next)
    return { type: 'state', key: keys.member(next.number), value: () => encodeMember(next) }
  }

  /**
   * Makes an account a member; durable when it resolves. Throws `Refusal` joinRefused without a right invitation, quota when the
   * mailbox has no room.
   */
  async add(account: AccountKey, by: Admission | undefined): Promise<void> {
    const known = this.find(account)
    if (known !== undefined) return await this.#adding.get(known.number)
    const { list } = this.#invitations
    const invitation = by === undefined ? undefined : mustAdmit(list, by)
    if (this.count >= this.#limits.members) throw new Refusal('quota')
    const { label, quota } = invitation ?? DEFAULT_POLICY
    const policy: MemberPolicy = { ...DEFAULT_POLICY, label, quota }
    const member = { number: ++this.#last, account, policy, tokens: [], ...NOTHING }
    this.#keep(member)
    const operations = [this.change(member, {})]
    if (invitation !== undefined) {
      operations.push(put(keys.policy(member.number), encodePolicy(policy)))
      operations.push(this.#invitations.change(withUse(list, invitation.id)))
    }
    const added = this.#records.commit(operations)
    this.#adding.set(member.number, added)
    try {
      await added
    } finally {
      this.#adding.delete(member.number)
    }
  }

  async setPolicy(account: AccountKey, policy: MemberPolicy): Promise<void> {
    const member = this.find(account)
    if (member === undefined) throw new Refusal('unavailable')
    const value = encodePolicy(policy)
    this.#byNumber.set(member.number, { ...member, policy })
    await this.#records.commit([put(keys.policy(member.number), value)])
  }

  async setTokens(account: AccountKey, tokens: readonly DeliveryToken[]): Promise<void> {
    const member = this.find(account)
    if (member === undefined) throw new Refusal('unavailable')
    if (tokens.length > this.#limits.ownerTokens) throw new Refusal('quota')
    const kept = tokens.map(({ slot, hash }) => ({ slot, hash: hash.slice() }))
    this.#byNumber.set(member.number, { ...member, tokens: kept })
    await this.#records.commit([put(keys.tokens(member.number), encodeTokens(kept))])
  }

  /** Ends a membership. The number is never given again: what is still stored under it must not become somebody else's. */
  async end({ number, account, flow, messages }: LevelMember): Promise<void> {
    this.#byAccount.delete(toHex(account))
    this.#bytes -= this.#byNumber.get(number)?.bytes ?? 0
    this.#byNumber.delete(number)
    this.#formerFlow = addFlow(addFlow(this.#formerFlow, flow), { removed: messages })
    await this.#records.commit([
      put(keys.former, encodeFormer({ last: this.#last, flow: this.#formerFlow })),
      ...[keys.member, keys.policy, keys.tokens, keys.bundle, keys.mark].map((name) =>
        del(name(number)),
      ),
    ])
  }

  #keep(member: LevelMember): void {
    this.#byAccount.set(toHex(member.account), member.number)
    this.#bytes += member.bytes
    this.#byNumber.set(member.number, member)
  }

  #mustBeLoaded(): void {
    if (!this.#loaded) throw new StoreError('ERR_IO')
  }

  async #former(): Promise<StoredFormer> {
    const former = await this.#sound.get(keys.former, decodeFormer)
    return former === undefined || former instanceof Damaged ? NO_FORMER : former
  }

  /** Damaged ones are none: whoever held one is a stranger, among whom nobody is held back as long as there are no tokens. */
  async #tokens(number: number): Promise<readonly DeliveryToken[]> {
    const tokens = await this.#sound.get(keys.tokens(number), decodeTokens)
    return tokens === undefined || tokens instanceof Damaged ? [] : tokens
  }

  async #policy(number: number): Promise<MemberPolicy> {
    const policy = await this.#sound.get(keys.policy(number), decodePolicy)
    if (policy === undefined) return DEFAULT_POLICY
    return policy instanceof Damaged ? LOST_POLICY : policy
  }
}

function put(key: string, value: Uint8Array): Operation {
  return { type: 'put', key, value }
}

function del(key: string): Operation {
  return { type: 'del', key }
}
