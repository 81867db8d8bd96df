// A mailbox with a store in memory, a clock that stands still, and peers that visit it.
import { MemoryLevel } from 'memory-level'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { Rules } from '../../mailbox/rules.ts'
import { MailboxService } from '../../mailbox/service.ts'
import { peerName } from '../../net/peer-name.ts'
import { Records } from '../../net/records.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { verifyCustody } from '../../protocol/receipt.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/accounts.ts'
import { MailboxVisitor } from '../support/mailbox-visitor.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'
import type { RulesInit } from '../../mailbox/rules.ts'
import type { MailboxServiceInit } from '../../mailbox/service.ts'
import type { MailboxStore } from '../../mailbox/store.ts'
import type { Clock, Store } from '../../net/ports.ts'
import type { MemoryWire } from '../support/memory-wire.ts'
import type { Account } from '../../protocol/account.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import type { Custody } from '../../protocol/receipt.ts'

export const JOIN_SECRET = new Uint8Array(16).fill(7)

/** An open channel with the peer it belongs to. */
export interface Guest {
  readonly account: Account
  readonly wire: MemoryWire
  readonly visitor: MailboxVisitor
}

export type WorldOptions = Partial<MailboxServiceInit> & RulesInit

export class World {
  readonly clock = new ManualClock()
  readonly network = new MemoryNetwork()
  readonly random: RandomBytes
  readonly account: Account
  readonly store: Store
  readonly records: Records
  readonly rules: Rules
  /** What the service keeps. */
  readonly kept: MailboxStore
  readonly service: MailboxService
  readonly wire: MemoryWire
  /** A dead process runs no timers. */
  #dead = false

  private constructor(options: WorldOptions, before: World | undefined) {
    this.random = before?.random ?? seededRandom('mailbox')
    this.clock = before?.clock ?? this.clock
    this.account = before?.account ?? testAccount(this.random)
    this.store = before?.store ?? new MemoryLevel({ valueEncoding: 'view' })
    const { random, store } = this
    const clock: Clock = {
      now: () => this.clock.now(),
      after: (ms, run) => this.clock.after(ms, () => this.#dead || run()),
    }
    const key = generateSecret('DataKey', 32, seededRandom('data key'))
    this.records = new Records({ store, dataKey: key, clock, random })
    this.wire = this.network.wire(peerName(this.account.key), '/ip4/10.9.9.9/tcp/1')
    const { wire, records, account } = this
    const { limits, joining, ...service } = options
    this.rules = new Rules({ limits, joining })
    const mailboxStore = new LevelMailboxStore({ records, clock, limits: this.rules.limits })
    this.kept = mailboxStore
    const base = { wire, store: mailboxStore, account, clock, random, rules: this.rules }
    const secret = before === undefined ? { joinSecret: JOIN_SECRET } : {}
    this.service = new MailboxService({ ...base, ...secret, ...service })
  }

  static async start(options: WorldOptions = {}): Promise<World> {
    await ready
    const world = new World(options, undefined)
    await world.service.start()
    return world
  }

  /** The process dies as it stands, and a new one starts on what it left on the disk. Peers have to come again. */
  async crash(options: WorldOptions = {}): Promise<World> {
    this.#dead = true
    this.network.crash(this.wire.self)
    const next = new World(options, this)
    await next.service.start()
    return next
  }

  /** A peer with an account that nobody knows, and a channel. */
  async stranger(address?: string): Promise<Guest> {
    const account = testAccount(this.random)
    return await this.visit(account, this.network.wire(peerName(account.key), address))
  }

  async visit(account: Account, wire: MemoryWire): Promise<Guest> {
    const visitor = await MailboxVisitor.open(wire, this.wire.self, this.random)
    return { account, wire, visitor }
  }

  /** A member who is logged in. */
  async member(): Promise<Guest> {
    const guest = await this.stranger()
    await guest.visitor.login(guest.account)
    await guest.visitor.ask({ case: 'join', value: { joinSecret: JOIN_SECRET } }, 'done')
    return guest
  }

  /** The same owner on a new channel, logged in, in this world or a later one. */
  async again(guest: Guest, instanceId = this.random(16)): Promise<Guest> {
    const next = await this.visit(guest.account, this.wireOf(guest))
    await next.visitor.login(guest.account, { instanceId })
    return next
  }

  /** Deposits and checks the receipt. */
  async deposit(
    from: Guest,
    owner: Account,
    envelope: Uint8Array,
    depositId = this.random(16),
    token = new Uint8Array(0),
  ): Promise<Custody> {
    const value = { owner: owner.key, depositId, envelope, token }
    const { signed } = await from.visitor.ask({ case: 'deposit', value }, 'custody')
    return verifyCustody(signed, {
      mailbox: this.account.key,
      owner: owner.key,
      envelopeDigest: envelopeDigest(envelope),
    })
  }

  private wireOf(guest: Guest): MemoryWire {
    return this.network.find(guest.wire.self) ?? this.network.wire(guest.wire.self)
  }
}

/** Bytes that look like an envelope: of a session, or a first message. */
export function envelope(
  text: string,
  options: { readonly first?: boolean; readonly length?: number } = {},
): Uint8Array {
  const bytes = new Uint8Array(Math.max(options.length ?? 100, 2 + text.length))
  bytes.set([1, options.first === true ? 2 : 1])
  bytes.set(new TextEncoder().encode(text), 2)
  return bytes
}

/** The text that `envelope` was given. */
export function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes.subarray(2)).replaceAll('\0', '')
}
