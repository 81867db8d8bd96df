// The store of one mailbox process: LevelDB, or a memory store of the same kind, with group commit. What many callers do at once
// shares one synced batch, and the counters of all members are in memory.

import { KeyedLock } from '../../net/lock.ts'
import { Refusal } from '../refusal.ts'
import { isSame } from '../same.ts'
import { withInvitation, withoutInvitation } from '../invitations.ts'
import { Cells } from './cells.ts'
import { Expiry } from './expiry.ts'
import { Intake } from './intake.ts'
import { Invitations } from './invitations.ts'
import { keys } from './keys.ts'
import { Members } from './members.ts'
import { Queue } from './queue.ts'
import { Shelf } from './shelf.ts'
import { Damaged, SoundRecords } from './sound-records.ts'
import { decodeTime, encodeTime } from './stored.ts'
import { wipeBox } from './wipe.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Custody } from '../../protocol/receipt.ts'
import type { Clock } from '../../net/ports.ts'
import type { Records } from '../../net/records.ts'
import type {
  Admission,
  DeliveryToken,
  HeldBundle,
  Invitation,
  MailboxStore,
  Member,
  MemberPolicy,
  NewInvitation,
  NewMail,
  NewPair,
  QueuedRun,
  Room,
  SettingName,
  Statistics,
  StoreLimits,
  Writing,
} from '../store.ts'
import type { LevelMember } from './members.ts'

export interface LevelStoreInit {
  /** Stays with its owner, who closes it after `stop`. */
  readonly records: Records
  /** For trying again when the store failed. */
  readonly clock: Clock
  readonly limits: StoreLimits
}

/** After a failed write, time until the next try to read the store. */
const RELOAD_MS = 1000

const SETTINGS: Readonly<Record<SettingName, string>> = {
  'join-secret': keys.joinSecret,
  'first-invitation': keys.firstInvitation,
  address: keys.address,
  restored: keys.restored,
  retirement: keys.retirement,
}

/** The number of nobody: a look for what a stranger asks costs the same, and finds nothing. */
const NOBODY = 0

export class LevelMailboxStore implements MailboxStore {
  readonly #init: LevelStoreInit
  readonly #sound: SoundRecords
  readonly #cells: Cells
  readonly #invitations: Invitations
  readonly #members: Members
  readonly #intake: Intake
  readonly #queue: Queue
  readonly #shelf: Shelf
  readonly #expiry: Expiry
  readonly #lock = new KeyedLock()
  /** Members without a bundle, or with one that does not open: finding that out again would take longer than it does for nobody. */
  readonly #lost = new Set<number>()
  /** Bundles that were put: what was found before the last one counts no more. */
  #replaced = 0
  readonly #failureListeners: (() => void)[] = []
  readonly #mailListeners: ((owner: AccountKey) => void)[] = []
  /** Envelopes that were counted and were not there at the start, or the other way round. */
  #missing = 0
  #stopped = false
  /** Set while what is in memory may differ from what is in the store. */
  #reloading: Promise<void> | undefined

  constructor(init: LevelStoreInit) {
    this.#init = init
    const { records, limits } = init
    const sound = new SoundRecords(records)
    this.#sound = sound
    this.#cells = new Cells(records, sound)
    const invitations = new Invitations(sound)
    this.#invitations = invitations
    const members = new Members({ records, sound, limits, invitations })
    this.#members = members
    const base = { records, sound, members, limits }
    const onStored = (owner: AccountKey): void => {
      for (const listener of this.#mailListeners) listener(owner)
    }
    this.#intake = new Intake({ ...base, onStored })
    this.#queue = new Queue(base)
    this.#shelf = new Shelf(base)
    this.#expiry = new Expiry({ ...base, queue: this.#queue, shelf: this.#shelf })
    records.onFailure(() => this.#onFailure())
  }

  async start(): Promise<void> {
    await this.#members.load()
    await this.#intake.learnIds()
    // Each was counted as it was written: a table whose bits have changed may give records under names that nobody asks for.
    for (const { messages, items } of this.#members.all())
      this.#missing += Math.abs(messages - items)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#init.records.flush()
  }

  onFailure(listener: () => void): void {
    this.#failureListeners.push(listener)
  }

  onMail(listener: (owner: AccountKey) => void): void {
    this.#mailListeners.push(listener)
  }

  async join(account: AccountKey, by?: Admission): Promise<void> {
    await this.#reloading
    await this.#members.add(account, by)
  }

  async invite(invitation: NewInvitation, now: number): Promise<Invitation> {
    await this.#reloading
    const { list, made } = withInvitation(this.#invitations.list, invitation, now)
    await this.#init.records.commit([this.#invitations.change(list)])
    return made
  }

  async invitations(): Promise<readonly Invitation[]> {
    await this.#reloading
    return this.#invitations.list.invitations
  }

  async revoke(id: number): Promise<boolean> {
    await this.#reloading
    const list = withoutInvitation(this.#invitations.list, id)
    if (list === undefined) return false
    await this.#init.records.commit([this.#invitations.change(list)])
    return true
  }

  async member(account: Uint8Array): Promise<Member | undefined> {
    await this.#reloading
    const member = this.#members.find(account)
    return member === undefined ? undefined : shown(member)
  }

  async members(limit: number, after?: AccountKey): Promise<readonly Member[]> {
    await this.#reloading
    return this.#members.page(limit, after).map(shown)
  }

  async setPolicy(account: AccountKey, policy: MemberPolicy): Promise<void> {
    await this.#reloading
    await this.#members.setPolicy(account, policy)
  }

  async setTokens(account: AccountKey, tokens: readonly DeliveryToken[]): Promise<void> {
    await this.#reloading
    await this.#members.setTokens(account, tokens)
  }

  async setMark(account: AccountKey, mark: Uint8Array): Promise<void> {
    const number = await this.#numberOf(account)
    await this.#init.records.commit([{ type: 'put', key: keys.mark(number), value: mark }])
  }

  async mark(account: AccountKey): Promise<Uint8Array | undefined> {
    const key = keys.mark(await this.#numberOf(account))
    const mark = await this.#sound.get(key, (value) => value)
    return mark instanceof Damaged ? undefined : mark
  }

  async remove(account: AccountKey): Promise<boolean> {
    await this.#reloading
    const member = this.#members.find(account)
    if (member === undefined) return false
    await this.#members.end(member)
    await wipeBox(this.#init.records, this.#sound, member.number)
    return true
  }

  async empty(account: AccountKey): Promise<void> {
    await this.#reloading
    const member = this.#members.find(account)
    if (member !== undefined) await this.#queue.empty(member.number, member.lastItem)
  }

  async deposit(mail: NewMail, writing?: Writing): Promise<Custody> {
    if (this.#reloading !== undefined) await this.#reloading
    return await this.#intake.accept(mail, writing)
  }

  async read(owner: AccountKey, after: number, room: Room): Promise<QueuedRun> {
    return await this.#queue.read(await this.#numberOf(owner), after, room)
  }

  async acknowledge(owner: AccountKey, ids: readonly number[]): Promise<readonly number[]> {
    return await this.#queue.remove(await this.#numberOf(owner), ids)
  }

  async oldest(): Promise<number | undefined> {
    await this.#reloading
    const full = [...this.#members.all()].filter(({ items }) => items > 0)
    let oldest = Number.POSITIVE_INFINITY
    for (const { number } of full)
      oldest = Math.min(oldest, (await this.#queue.oldest(number)) ?? oldest)
    return Number.isFinite(oldest) ? oldest : undefined
  }

  async bundle(account: Uint8Array): Promise<HeldBundle | undefined> {
    await this.#reloading
    const member = this.#members.find(account)
    const number = member === undefined || this.#lost.has(member.number) ? NOBODY : member.number
    const replaced = this.#replaced
    const bytes = await this.#sound.get(keys.bundle(number), (value) => value)
    const isLost = bytes === undefined || bytes instanceof Damaged
    if (isLost && number !== NOBODY && replaced === this.#replaced) this.#lost.add(number)
    if (member === undefined || bytes === undefined || bytes instanceof Damaged) return undefined
    return { owner: member.account, bytes }
  }

  async replaceBundle(
    account: AccountKey,
    bundle: Uint8Array,
    instead?: Uint8Array,
  ): Promise<boolean> {
    const number = await this.#numberOf(account)
    try {
      return await this.#cells.update(keys.bundle(number), (held) => {
        if (this.#members.get(number) === undefined) throw new Refusal('unavailable')
        return isSame(held, instead) ? bundle : undefined
      })
    } finally {
      this.#replaced++
      this.#lost.delete(number)
    }
  }

  async putPairs(
    owner: AccountKey,
    pairs: readonly NewPair[],
    shelfUntil: number,
    voidUntil = 0,
  ): Promise<void> {
    await this.#shelf.put(await this.#numberOf(owner), { pairs, shelfUntil, voidUntil })
  }

  async takePair(
    owner: AccountKey,
    now: number,
    knownUntil: number,
    tokenHash?: Uint8Array,
  ): Promise<NewPair | undefined> {
    return await this.#shelf.take(await this.#numberOf(owner), now, knownUntil, tokenHash)
  }

  async expire(now: number): Promise<boolean> {
    await this.#reloading
    return await this.#lock.run('expire', async () => {
      await this.#intake.learnIds()
      return await this.#expiry.run(now)
    })
  }

  async time(): Promise<number | undefined> {
    const value = await this.#sound.get(keys.time, decodeTime)
    return typeof value === 'number' ? value : undefined
  }

  async setTime(time: number): Promise<void> {
    await this.#lock.run('time', async () => {
      const held = await this.time()
      if (held !== undefined && held >= time) return
      await this.#init.records.commit([{ type: 'put', key: keys.time, value: encodeTime(time) }])
    })
  }

  async setting(name: SettingName): Promise<Uint8Array | undefined> {
    return await this.#cells.get(SETTINGS[name])
  }

  async replaceSetting(
    name: SettingName,
    value: Uint8Array,
    instead?: Uint8Array,
  ): Promise<boolean> {
    return await this.#cells.replace(SETTINGS[name], value, instead)
  }

  async statistics(): Promise<Statistics> {
    await this.#reloading
    let [suspended, boxes, waiting, waitingBytes, oneTimePairs] = [0, 0, 0, 0, 0]
    for (const { policy, items, bytes, pairs } of this.#members.all()) {
      if (policy.status === 'suspended') suspended++
      if (items > 0) boxes++
      waiting += items
      waitingBytes += bytes
      oneTimePairs += pairs
    }
    const damaged = this.#sound.damaged + this.#missing
    return {
      members: this.#members.count,
      suspended,
      boxes,
      waiting,
      waitingBytes,
      oneTimePairs,
      ...this.#members.flow,
      damaged,
    }
  }

  async #numberOf(account: AccountKey): Promise<number> {
    await this.#reloading
    const member = this.#members.find(account)
    if (member === undefined) throw new Refusal('unavailable')
    return member.number
  }

  #onFailure(): void {
    if (this.#stopped) return
    this.#queue.forget()
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = undefined
    })
    for (const listener of this.#failureListeners) listener()
  }

  async #reload(): Promise<void> {
    const { clock } = this.#init
    while (!this.#stopped) {
      try {
        return await this.#members.load()
      } catch {
        await new Promise<void>((resolve) => clock.after(RELOAD_MS, resolve)) // until the store is back
      }
    }
  }
}

function shown({ account, number, messages, bytes, pairs, policy }: LevelMember): Member {
  return { account, id: `${number}`, messages, bytes, pairs, ...policy }
}
