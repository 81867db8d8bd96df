// What an operator does with a mailbox: inviting, looking after members, changing the rules. The same over a running mailbox and
// over its folder alone.

import { tokenHash } from '../protocol/custody.ts'
import { decodeMailboxLink } from '../protocol/link.ts'
import { JOIN_SECRET_BYTES } from './first-invitation.ts'
import { isSpent } from './invitations.ts'
import { Refusal } from './refusal.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { MailboxLimits } from './limits.ts'
import type { Retirement } from './retirement.ts'
import type { Rules, RulesInit } from './rules.ts'
import type { Invitation, MailboxStore, Member, MemberPolicy, Quota } from './store.ts'

export interface OperatorInit {
  readonly store: MailboxStore
  readonly rules: Rules
  readonly retirement: Retirement
  readonly random: RandomBytes
  /** Time base. */
  readonly now: () => number
  /** The link of this mailbox with a join secret. */
  readonly link: (joinSecret: Uint8Array) => Promise<string>
}

export interface InviteOptions {
  /** At most 64 bytes of UTF-8. @default '' */
  readonly label?: string | undefined
  /** How many may join by it; undefined: any number. */
  readonly uses: number | undefined
  /** In ms; undefined: it does not end by itself. */
  readonly expiresIn: number | undefined
  /** Of those who join by it. @default as everybody has it */
  readonly quota?: Quota | undefined
}

/** An invitation with whether it can still be used. */
export interface ListedInvitation extends Invitation {
  readonly spent: boolean
}

/** Members read at a time. */
const PAGE = 256

export class Operator {
  readonly #init: OperatorInit

  constructor(init: OperatorInit) {
    this.#init = init
  }

  /** The link is shown this once: only the hash of its secret is kept. Throws `Refusal` quota when there are too many. */
  async invite(
    options: InviteOptions,
  ): Promise<{ readonly invitation: Invitation; readonly link: string }> {
    const { store, random, now, link } = this.#init
    const { label = '', uses, expiresIn, quota } = options
    const secret = random(JOIN_SECRET_BYTES)
    // Before the invitation: one without a link is of no use to anybody.
    const shown = await link(secret)
    const expiresAt = expiresIn === undefined ? undefined : now() + expiresIn
    const fresh = { label, hash: tokenHash(secret), uses, expiresAt, quota }
    return { invitation: await store.invite(fresh, now()), link: shown }
  }

  async invitations(): Promise<readonly ListedInvitation[]> {
    const { store, now } = this.#init
    return (await store.invitations()).map((one) => ({ ...one, spent: isSpent(one, now()) }))
  }

  /** False if there is none with this id. */
  async revoke(id: number): Promise<boolean> {
    return await this.#init.store.revoke(id)
  }

  async members(): Promise<readonly Member[]> {
    const { store } = this.#init
    const members: Member[] = []
    for (let after: AccountKey | undefined; ;) {
      const page = await store.members(PAGE, after)
      members.push(...page)
      after = page.at(-1)?.account
      if (after === undefined || page.length < PAGE) return members
    }
  }

  /** The member with this id, or the only one whose id begins so. Undefined when there is none, or more than one. */
  async member(id: string): Promise<Member | undefined> {
    const members = await this.members()
    const [first, second] = members.filter((member) => member.id.startsWith(id))
    return members.find((member) => member.id === id) ?? (second === undefined ? first : undefined)
  }

  /** Changes what is named, and returns the member as it is then. Throws `Refusal` unavailable for who has left. */
  async setPolicy(member: Member, change: Partial<MemberPolicy>): Promise<Member> {
    const { store } = this.#init
    const { label, status, quota } = { ...member, ...change }
    await store.setPolicy(member.account, { label, status, quota })
    const next = await store.member(member.account)
    if (next === undefined) throw new Refusal('unavailable')
    return next
  }

  /** Ends the membership with all that is kept for it. */
  async remove({ account }: Member): Promise<void> {
    await this.#init.store.remove(account)
  }

  /** Deletes what waits, unread. */
  async wipe({ account }: Member): Promise<void> {
    await this.#init.store.empty(account)
  }

  /** What everybody gets, as of the moment of looking. */
  get limits(): MailboxLimits {
    return this.#init.rules.limits
  }

  /**
   * The mailbox will end: no new mail, no new members, and members are told of the mailbox of `to`, a link, if there is one. They move
   * by themselves or not at all. Throws `DecodeError` or `CryptoError` for what is no link.
   */
  async drain(to?: string): Promise<void> {
    const link = to === undefined ? undefined : decodeMailboxLink(to)
    const { account: successor, addresses = [] } = link ?? {}
    await this.#init.retirement.begin({ successor, addresses })
  }

  get isDraining(): boolean {
    return this.#init.retirement.isDraining
  }

  /** The mailbox goes on after all. */
  async undrain(): Promise<void> {
    await this.#init.retirement.end()
  }

  /** Counts from the next request on. */
  change(rules: RulesInit): void {
    this.#init.rules.change(rules)
  }
}
