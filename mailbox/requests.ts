// What each request does and who may ask it. One request gives one answer; the only thing that travels unasked is pushed mail.

import { tokenHash, verifyLogin } from '../protocol/custody.ts'
import { equalBytes, toHex } from '../protocol/bytes.ts'
import { peerName } from '../net/peer-name.ts'
import { admitting } from './invitations.ts'
import { observeDeposit } from './observer.ts'
import { Outlet } from './push.ts'
import { Refusal } from './refusal.ts'
import { StoreError } from '../net/store-error.ts'
import { Throttles } from './throttles.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { VerifiedBundle } from '../protocol/bundle.ts'
import type { MailboxBody, MailboxBodyInit } from '../net/mailbox-messages.ts'
import type { Clock } from '../net/ports.ts'
import type { Bundles } from './bundles.ts'
import type { Deposits } from './deposits.ts'
import type { MailboxLimits } from './limits.ts'
import type { MailboxObserver } from './observer.ts'
import type { Guest, Presence } from './presence.ts'
import type { PrekeyShelf } from './prekey-shelf.ts'
import type { Outlets } from './push.ts'
import type { Restored } from './restored.ts'
import type { Retirement } from './retirement.ts'
import type { Joining } from './rules.ts'
import type { TimeBase } from './time-base.ts'
import type { Admission, MailboxStore, Member, QueuedRun } from './store.ts'

type Body<Name extends MailboxBody['case']> = Extract<MailboxBody, { case: Name }>['value']

/** What a request can know about its channel, and do with it. */
export interface Visitor {
  /** Authenticated by Noise. */
  readonly account: AccountKey
  /** The part of the remote address that limits bind on. */
  readonly place: string
  /** What we said in our hello. */
  readonly nonce: Uint8Array
  /** Set by a login. */
  guest: Guest | undefined
  /** Set by a fetch. */
  outlet: Outlet | undefined
  /** Sends mail, in answer to request `id` or unasked with 0; resolves when there is room for more. */
  send(id: number, run: QueuedRun): Promise<void>
  /** Ends the channel at once. */
  abort(cause: unknown): void
}

export interface RequestsInit {
  readonly account: Account
  readonly store: MailboxStore
  readonly deposits: Deposits
  readonly shelf: PrekeyShelf
  readonly bundles: Bundles
  readonly outlets: Outlets
  readonly presence: Presence
  readonly clock: Clock
  readonly time: TimeBase
  readonly limits: MailboxLimits
  readonly joining: Joining
  readonly retirement: Retirement
  readonly observer: MailboxObserver
  readonly restored: Restored
}

const DONE: MailboxBodyInit = { case: 'done', value: {} }

/** What has to write, besides deposits. A store that failed is not tried again at once: each failure ends the channels of those who only read. */
const WRITES: readonly MailboxBody['case'][] = [
  'join',
  'leave',
  'putBundle',
  'putPrekeys',
  'putTokens',
  'putMark',
  'acknowledge',
]

/** How long nothing is written after a failure. */
export const REST_MS = 10_000

export class Requests {
  readonly #init: RequestsInit
  #failedAt = Number.NEGATIVE_INFINITY
  readonly #throttles: Throttles

  constructor(init: RequestsInit) {
    this.#init = init
    this.#throttles = new Throttles(init)
  }

  /** A write has failed. */
  failed(): void {
    this.#failedAt = this.#init.clock.now()
  }

  /** A clock that was set back must not make it long. */
  get #resting(): boolean {
    const passed = this.#init.clock.now() - this.#failedAt
    return passed >= 0 && passed < REST_MS
  }

  /**
   * The answer, or undefined when it was sent already. Throws `Refusal`, `RecordError` and `DecodeError` for what the visitor
   * did wrong, `StoreError` when the disk fails.
   */
  answer(visitor: Visitor, id: number, body: MailboxBody): Promise<MailboxBodyInit | undefined> {
    if (body.case !== 'deposit') return this.#answer(visitor, id, body)
    const deposit = body.value
    return observeDeposit(this.#init.observer, deposit, () => this.#deposit(visitor, deposit))
  }

  /** The visitor's channel is gone. */
  async leave(visitor: Visitor): Promise<void> {
    const { guest, outlet } = visitor
    visitor.guest = undefined
    visitor.outlet = undefined
    if (guest !== undefined) this.#init.presence.exit(guest)
    if (outlet !== undefined) await this.#init.outlets.remove(outlet)
  }

  async #answer(
    visitor: Visitor,
    id: number,
    body: Exclude<MailboxBody, { case: 'deposit' }>,
  ): Promise<MailboxBodyInit | undefined> {
    if (this.#resting && WRITES.includes(body.case)) throw new StoreError('ERR_IO')
    switch (body.case) {
      case 'login':
        return this.#login(visitor, body.value)
      case 'join':
        return await this.#join(visitor, body.value)
      case 'putBundle':
        await this.#init.bundles.put(await this.#owner(visitor), body.value.bundle)
        return DONE
      case 'putPrekeys':
        return await this.#putPrekeys(visitor, body.value)
      case 'putTokens':
        await this.#init.store.setTokens(signedIn(visitor), body.value.tokens)
        return DONE
      case 'putMark':
        await this.#init.store.setMark(signedIn(visitor), body.value.mark)
        return DONE
      case 'leave':
        return await this.#resign(visitor)
      case 'fetch':
        return await this.#fetch(visitor, id, body.value)
      case 'acknowledge':
        return await this.#acknowledge(visitor, body.value)
      case 'getStatus':
        return await this.#status(visitor)
      case 'takePrekey':
        return await this.#takePrekey(visitor, body.value)
      case 'getBundle':
        return { case: 'bundle', value: { bundle: (await this.#bundle(body.value.owner)).bytes } }
      case 'hello':
      case 'failure':
      case 'done':
      case 'items':
      case 'custody':
      case 'prekey':
      case 'bundle':
      case 'status':
        throw new Refusal('badRequest')
    }
  }

  #login(visitor: Visitor, { nonce, instanceId, signed }: Body<'login'>): MailboxBodyInit {
    if (visitor.guest !== undefined) throw new Refusal('badRequest')
    const { account, presence } = this.#init
    try {
      verifyLogin(signed, {
        account: visitor.account,
        mailbox: account.key,
        mailboxNonce: visitor.nonce,
        ownerNonce: nonce,
        instanceId,
      })
    } catch (cause) {
      throw new Refusal('loginNeeded', { cause })
    }
    const leave = (): void => visitor.abort(new Error('the same instance has logged in again'))
    visitor.guest = { account: visitor.account, instance: toHex(instanceId), leave }
    presence.enter(visitor.guest)
    return DONE
  }

  async #join(visitor: Visitor, { joinSecret }: Body<'join'>): Promise<MailboxBodyInit> {
    if (visitor.guest === undefined) throw new Refusal('loginNeeded')
    const { store, joining, time, observer } = this.#init
    const { account } = visitor
    const by: Admission | undefined =
      joining.policy === 'invite' ? { hash: tokenHash(joinSecret), now: time.now() } : undefined
    const isNew = (await store.member(account)) === undefined
    if (isNew) {
      if (this.#init.retirement.isDraining) throw new Refusal('retiring')
      const right = await this.#mayJoin(account, by)
      this.#throttles.join(visitor.place)
      if (!right) {
        this.#throttles.wrongSecret(visitor.place)
        observer.observe({ kind: 'join', account, joined: false })
        throw new Refusal('joinRefused')
      }
    }
    await store.join(account, by) // of a member it waits until that is durable
    if (isNew) observer.observe({ kind: 'join', account, joined: true })
    return DONE
  }

  /** As far as can be told without joining: an invitation may be used up meanwhile. */
  async #mayJoin(account: AccountKey, by: Admission | undefined): Promise<boolean> {
    const { store, joining } = this.#init
    if (!joining.newMembers) return false
    if (joining.policy === 'allow-list') return joining.members.includes(peerName(account))
    return by === undefined || admitting(await store.invitations(), by) !== undefined
  }

  /** Of who is no member, nothing is left to end: so a repetition is answered alike. */
  async #resign(visitor: Visitor): Promise<MailboxBodyInit> {
    const account = signedIn(visitor)
    const { store, outlets } = this.#init
    if (visitor.outlet !== undefined) await outlets.remove(visitor.outlet)
    visitor.outlet = undefined
    await store.remove(account)
    return DONE
  }

  async #fetch(visitor: Visitor, id: number, { maxItems }: Body<'fetch'>): Promise<undefined> {
    const { account: owner } = await this.#member(visitor)
    const { store, outlets, limits } = this.#init
    if (visitor.outlet !== undefined) await outlets.remove(visitor.outlet)
    let reply = id
    const outlet = new Outlet({
      store,
      owner,
      items: maxItems === 0 ? limits.leaseItems : Math.min(maxItems, limits.leaseItems),
      bytes: limits.leaseBytes,
      send: async (run) => {
        const to = reply
        reply = 0
        await visitor.send(to, run)
        this.#fetched(owner, run)
      },
      fail: (cause) => visitor.abort(cause),
    })
    visitor.outlet = outlet
    await outlets.add(outlet)
  }

  async #acknowledge(visitor: Visitor, { ids }: Body<'acknowledge'>): Promise<MailboxBodyInit> {
    const account = signedIn(visitor)
    const { store, outlets, observer, time } = this.#init
    const named = ids.map(Number)
    const taken = await store.acknowledge(account, named)
    const keptMs = taken.map((at) => Math.max(0, time.now() - at))
    observer.observe({ kind: 'acknowledge', owner: account, keptMs })
    void outlets.acknowledged(account, named) // reports its failures to the channel it fails on
    return DONE
  }

  async #status(visitor: Visitor): Promise<MailboxBodyInit> {
    const { account, bytes, messages, pairs, quota } = await this.#member(visitor)
    const { limits, bundles, presence, clock, restored } = this.#init
    const bundle = await bundles.get(account)
    const value = {
      usedBytes: BigInt(bytes),
      maxBytes: BigInt(quota?.bytes ?? limits.ownerBytes),
      waiting: messages,
      maxMessages: quota?.messages ?? limits.ownerMessages,
      oneTimePairs: pairs,
      bundleSequence: BigInt(bundle?.sequence ?? 0),
      otherInstances: visitor.guest === undefined ? 0 : presence.othersOf(visitor.guest),
      time: BigInt(Math.max(0, clock.now())),
      restoredAt: BigInt(restored.at),
      retirement: this.#init.retirement.notice,
      mark: (await this.#init.store.mark(account)) ?? new Uint8Array(0),
    }
    return { case: 'status', value }
  }

  async #deposit(visitor: Visitor, deposit: Body<'deposit'>): Promise<MailboxBodyInit> {
    if (this.#resting) throw new StoreError('ERR_IO')
    if (this.#init.retirement.isDraining) throw new Refusal('retiring') // whoever it is for
    this.#throttles.deposit(visitor.place)
    try {
      return { case: 'custody', value: { signed: await this.#init.deposits.accept(deposit) } }
    } catch (cause) {
      throw isTold(cause) && !isOwner(visitor, deposit.owner)
        ? new Refusal('unavailable', { cause })
        : cause
    }
  }

  async #putPrekeys(
    visitor: Visitor,
    { pairs, voidUntil }: Body<'putPrekeys'>,
  ): Promise<MailboxBodyInit> {
    await this.#init.shelf.put(await this.#owner(visitor), pairs, Number(voidUntil))
    return DONE
  }

  async #takePrekey(
    visitor: Visitor,
    { owner, nonce, token }: Body<'takePrekey'>,
  ): Promise<MailboxBodyInit> {
    this.#throttles.takePair(visitor.place)
    const { bytes: bundle, account } = await this.#bundle(owner)
    // When everybody together asks for too much, or nothing can be written, a session without a one-time pair is better than none.
    const mayTake = !this.#resting && this.#throttles.takeAnyPair()
    const handOut = mayTake ? await this.#init.shelf.take(account, nonce, token) : undefined
    return { case: 'prekey', value: { bundle, ...handOut } }
  }

  #fetched(owner: AccountKey, { items }: QueuedRun): void {
    if (items.length === 0) return
    const bytes = items.reduce((sum, { envelope }) => sum + envelope.length, 0)
    this.#init.observer.observe({ kind: 'fetch', owner, envelopes: items.length, bytes })
  }

  async #bundle(owner: Uint8Array): Promise<VerifiedBundle> {
    const bundle = await this.#init.bundles.get(owner)
    if (bundle === undefined) throw new Refusal('unavailable')
    return bundle
  }

  /** Before anything is verified for them. */
  async #owner(visitor: Visitor): Promise<AccountKey> {
    return (await this.#member(visitor)).account
  }

  async #member(visitor: Visitor): Promise<Member> {
    const member = await this.#init.store.member(signedIn(visitor))
    if (member === undefined) throw new Refusal('unavailable')
    return member
  }
}

function signedIn({ guest }: Visitor): AccountKey {
  if (guest === undefined) throw new Refusal('loginNeeded')
  return guest.account
}

/** Whatever is told as not available is told by an error of its own: making one for a full box alone would take longer than for others. */
function isTold(cause: unknown): boolean {
  return cause instanceof Refusal && (cause.reason === 'quota' || cause.reason === 'unavailable')
}

function isOwner(visitor: Visitor, owner: Uint8Array): boolean {
  return visitor.guest !== undefined && equalBytes(visitor.account, owner)
}
