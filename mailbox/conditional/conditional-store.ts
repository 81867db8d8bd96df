// A mailbox over any engine that has conditional writes, in as many processes as it likes.

import { accountKey } from '../../protocol/account.ts'
import { u64, toHex } from '../../protocol/bytes.ts'
import { reader } from '../../protocol/reader.ts'
import { StoreError } from '../../net/store-error.ts'
import { addFlow } from '../flow.ts'
import { Refusal } from '../refusal.ts'
import { isSame } from '../same.ts'
import { bytesOf } from './box.ts'
import { Boxes } from './boxes.ts'
import { SealedEntries } from './entries.ts'
import { Mail } from './mail.ts'
import { names } from './names.ts'
import { accountsOf } from './accounts.ts'
import { Budget } from './budget.ts'
import { Roster } from './roster.ts'
import { Shelf } from './shelf.ts'
import { Sweep } from './sweep.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Custody } from '../../protocol/receipt.ts'
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
} from '../store.ts'
import type { Box } from './box.ts'
import type { SealedEntriesInit } from './entries.ts'

export interface ConditionalStoreInit extends SealedEntriesInit {
  readonly limits: StoreLimits
}

/** After so long, in the time base, a bundle that is not the newest any more is surely not being written. */
const BUNDLE_MS = 62 * 24 * 60 * 60 * 1000

const MAX_TRIES = 1000

export class ConditionalMailboxStore implements MailboxStore {
  readonly #limits: StoreLimits
  readonly #entries: SealedEntries
  readonly #boxes: Boxes
  readonly #budget: Budget
  readonly #roster: Roster
  readonly #mail: Mail
  readonly #shelf: Shelf
  readonly #sweep: Sweep
  readonly #mailListeners: ((owner: AccountKey) => void)[] = []

  constructor(init: ConditionalStoreInit) {
    const { limits, random } = init
    this.#limits = limits
    this.#entries = new SealedEntries(init)
    const boxes = new Boxes(this.#entries, random)
    this.#boxes = boxes
    const budget = new Budget(boxes)
    this.#budget = budget
    this.#roster = new Roster({ boxes, budget, limits })
    const onStored = (owner: AccountKey): void => {
      for (const listener of this.#mailListeners) listener(owner)
    }
    this.#mail = new Mail({ boxes, budget, limits, onStored })
    this.#shelf = new Shelf({ boxes, limits })
    this.#sweep = new Sweep({ boxes, mail: this.#mail, shelf: this.#shelf })
  }

  async start(): Promise<void> {
    await this.#roster.settle()
    await this.#budget.read()
  }

  async stop(): Promise<void> {
    // Everything that was answered is with the engine.
  }

  onFailure(listener: () => void): void {
    this.#entries.onFailure(listener)
  }

  onMail(listener: (owner: AccountKey) => void): void {
    this.#mailListeners.push(listener)
  }

  async join(account: AccountKey, by?: Admission): Promise<void> {
    await this.#roster.join(account, by)
  }

  async invite(invitation: NewInvitation, now: number): Promise<Invitation> {
    return await this.#roster.invite(invitation, now)
  }

  async invitations(): Promise<readonly Invitation[]> {
    return (await this.#roster.settle()).count.list.invitations
  }

  async revoke(id: number): Promise<boolean> {
    return await this.#roster.revoke(id)
  }

  async member(account: Uint8Array): Promise<Member | undefined> {
    const box = await this.#boxes.find(account)
    return box === undefined ? undefined : shown(accountKey(account), box)
  }

  async members(limit: number, after?: AccountKey): Promise<readonly Member[]> {
    const members: Member[] = []
    const from = after === undefined ? '' : names.box(after)
    for await (const account of accountsOf(this.#boxes, from)) {
      if (members.length >= limit) break
      const member = await this.member(account)
      if (member !== undefined) members.push(member)
    }
    return members
  }

  async setPolicy(account: AccountKey, policy: MemberPolicy): Promise<void> {
    await this.#boxes.change(account, async (box) => ({
      next: { ...box, policy },
      result: undefined,
    }))
  }

  async setTokens(account: AccountKey, tokens: readonly DeliveryToken[]): Promise<void> {
    if (tokens.length > this.#limits.ownerTokens) throw new Refusal('quota')
    const kept = tokens.map(({ slot, hash }) => ({ slot, hash: hash.slice() }))
    await this.#boxes.change(account, async (box) => ({
      next: { ...box, tokens: kept },
      result: undefined,
    }))
  }

  async setMark(account: AccountKey, mark: Uint8Array): Promise<void> {
    const kept = mark.slice()
    await this.#boxes.change(account, async (box) => ({
      next: { ...box, mark: kept },
      result: undefined,
    }))
  }

  async mark(account: AccountKey): Promise<Uint8Array | undefined> {
    return (await this.#boxes.find(account))?.mark
  }

  async remove(account: AccountKey): Promise<boolean> {
    return await this.#roster.leave(account)
  }

  async empty(account: AccountKey): Promise<void> {
    if ((await this.#boxes.find(account)) !== undefined) await this.#mail.empty(account)
  }

  async deposit(mail: NewMail): Promise<Custody> {
    return await this.#mail.deposit(mail)
  }

  async read(owner: AccountKey, after: number, room: Room): Promise<QueuedRun> {
    return await this.#mail.read(owner, after, room)
  }

  async acknowledge(owner: AccountKey, ids: readonly number[]): Promise<readonly number[]> {
    return await this.#mail.acknowledge(owner, ids)
  }

  async oldest(): Promise<number | undefined> {
    let oldest = Number.POSITIVE_INFINITY
    for await (const account of accountsOf(this.#boxes)) {
      const first = (await this.#boxes.find(account))?.mail[0]
      oldest = Math.min(oldest, first?.takenAt ?? oldest)
    }
    return Number.isFinite(oldest) ? oldest : undefined
  }

  async bundle(account: Uint8Array): Promise<HeldBundle | undefined> {
    const box = await this.#boxes.find(account)
    if (box?.bundle === undefined) return undefined
    const bytes = await this.#boxes.readBlob(box.id, box.bundle)
    return bytes === undefined ? undefined : { owner: accountKey(account), bytes }
  }

  async replaceBundle(
    account: AccountKey,
    bundle: Uint8Array,
    instead?: Uint8Array,
  ): Promise<boolean> {
    const boxes = this.#boxes
    const at = ((await this.time()) ?? 0) + BUNDLE_MS
    return await boxes.change(account, async (box) => {
      const old = box.bundle
      const held = old === undefined ? undefined : await boxes.readBlob(box.id, old)
      if (!isSame(held, instead)) return { result: false }
      const due = { kind: 'bundle', account: toHex(account), box: box.id } as const
      const blob = await boxes.writeBlob(due, at, bundle)
      const garbage = old === undefined ? [] : [names.blob(box.id, old)]
      return { next: { ...box, bundle: blob, garbage }, result: true }
    })
  }

  async putPairs(
    owner: AccountKey,
    pairs: readonly NewPair[],
    shelfUntil: number,
    voidUntil = 0,
  ): Promise<void> {
    await this.#shelf.put(owner, pairs, shelfUntil, voidUntil)
  }

  async takePair(
    owner: AccountKey,
    now: number,
    knownUntil: number,
    tokenHash?: Uint8Array,
  ): Promise<NewPair | undefined> {
    return await this.#shelf.take(owner, now, knownUntil, tokenHash)
  }

  async expire(now: number): Promise<boolean> {
    await this.#roster.settle()
    return await this.#sweep.run(now)
  }

  async time(): Promise<number | undefined> {
    const value = (await this.#entries.get(names.time))?.value
    return value === undefined ? undefined : reader(value).u64()
  }

  async setTime(time: number): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await this.#entries.get(names.time)
      if (held?.value !== undefined && reader(held.value).u64() >= time) return
      if (await this.#entries.put(names.time, u64(time), held?.revision ?? 0)) return
    }
    throw new StoreError('ERR_IO')
  }

  async setting(name: SettingName): Promise<Uint8Array | undefined> {
    return (await this.#entries.get(names.setting(name)))?.value
  }

  async replaceSetting(
    name: SettingName,
    value: Uint8Array,
    instead?: Uint8Array,
  ): Promise<boolean> {
    const held = await this.#entries.get(names.setting(name))
    if (!isSame(held?.value, instead)) return false
    return await this.#entries.put(names.setting(name), value, held?.revision ?? 0)
  }

  async statistics(): Promise<Statistics> {
    let [members, suspended, full, waiting, waitingBytes, oneTimePairs] = [0, 0, 0, 0, 0, 0]
    let { flow } = (await this.#roster.settle()).count
    for await (const account of accountsOf(this.#boxes)) {
      const box = await this.#boxes.find(account)
      if (box === undefined) continue
      members++
      if (box.policy.status === 'suspended') suspended++
      if (box.mail.length > 0) full++
      waiting += box.mail.length
      waitingBytes += bytesOf(box)
      oneTimePairs += box.pairs.length
      flow = addFlow(flow, box.flow)
    }
    const { damaged } = this.#entries
    const people = { members, suspended, boxes: full }
    return { ...people, waiting, waitingBytes, oneTimePairs, ...flow, damaged }
  }
}

function shown(account: AccountKey, box: Box): Member {
  const { id, mail, pairs, policy } = box
  const counts = { messages: mail.length, bytes: bytesOf(box), pairs: pairs.length }
  return { account, id, ...counts, ...policy }
}
