// Chat cores on an in-memory wire and in-memory stores, with a directory that everybody shares: the core as production runs
// it, without libp2p and without a disk.

import { MemoryLevel } from 'memory-level'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { toHex, type RandomBytes } from '../../protocol/bytes.ts'
import { accountFromSeed, type Account } from '../../protocol/account.ts'
import type { Clock, Directory, DirectoryAnswer, PeerName, Store, Wire } from '../../net/ports.ts'
import { peerName } from '../../net/peer-name.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { Records, type StoredRecord } from '../../net/records.ts'
import type { Message } from '../../node/api.ts'
import type { StoreSurroundings } from '../../node/continuity.ts'
import type { Conversation } from '../../node/conversation.ts'
import { ChatCore } from '../../node/core.ts'
import { keys } from '../../node/keys.ts'
import { ChatNode } from '../../node/chat-node.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import type { MailboxStore } from '../../mailbox/store.ts'
import { MailboxService } from '../../mailbox/service.ts'
import { encodeMailboxLink } from '../../protocol/link.ts'
import type { Secret } from '../../protocol/secret.ts'
import { faultyStore, type FaultyStore } from './faulty-store.ts'
import { MemoryNetwork } from './memory-wire.ts'
import { seededRandom } from './random.ts'

/** A directory in one map: what is put is found, and the map may be emptied. */
export class SharedDirectory implements Directory {
  readonly values = new Map<string, Uint8Array>()
  readonly holder: PeerName

  constructor(holder: PeerName) {
    this.holder = holder
  }

  put(key: Uint8Array, value: Uint8Array): Promise<readonly PeerName[]> {
    this.values.set(toHex(key), value)
    return Promise.resolve([this.holder])
  }

  async *get(key: Uint8Array): AsyncIterable<DirectoryAnswer> {
    await Promise.resolve()
    const value = this.values.get(toHex(key))
    if (value !== undefined) yield { value, from: this.holder }
  }
}

const DATA_KEY = (): Secret<'DataKey'> => importSecret('DataKey', new Uint8Array(32).fill(7))

/** One run of somebody's program. After its end nothing of it writes or wakes up any more. */
interface Process {
  alive: boolean
  /** How far the computer's clock is from the world's, in ms. */
  skew: number
}

export interface Person {
  readonly name: string
  readonly account: Account
  readonly peer: PeerName
  disk: FaultyStore
  process: Process
  core: ChatCore
  node: ChatNode
}

/** What a store held. */
export type Backup = readonly (readonly [string, Uint8Array])[]

/** What a core stands on. */
export interface Ports {
  readonly store: Store
  readonly wire: Wire
  readonly clock: Clock
  readonly random: RandomBytes
}

export class ChatWorld {
  readonly network = new MemoryNetwork()
  readonly directory: SharedDirectory
  readonly clock: Clock
  /** With how many mailboxes whoever starts from now on leaves a message. */
  copies: number | undefined
  readonly #random: RandomBytes
  readonly #around: (ports: Ports) => Ports
  #count = 0

  private constructor(seed: string, clock: Clock, around: (ports: Ports) => Ports) {
    this.#random = seededRandom(seed)
    this.clock = clock
    this.#around = around
    this.directory = new SharedDirectory(peerName(this.account().key))
  }

  /** @param around puts something between each core and its ports */
  static async create(
    seed: string,
    clock: Clock = systemClock,
    around: (ports: Ports) => Ports = (ports) => ports,
  ): Promise<ChatWorld> {
    await ready
    return new ChatWorld(seed, clock, around)
  }

  account(): Account {
    return accountFromSeed(importSecret('AccountSeed', this.#random(32)))
  }

  random(): RandomBytes {
    return seededRandom(`random ${toHex(this.#random(8))} ${this.#count++}`)
  }

  /** A person whose node has started, on a store in memory unless one is given. */
  async person(name: string, store?: Store, around?: StoreSurroundings): Promise<Person> {
    const account = this.account()
    const disk = await faultyStore(store)
    const process = { alive: true, skew: 0 }
    const core = this.#core(account, disk.store, process, around)
    const peer = peerName(account.key)
    const person = { name, account, peer, disk, process, core, node: face(core) }
    await core.rename(name)
    await core.start()
    return person
  }

  /** Ends the process without any clean-up. */
  kill(person: Person): void {
    person.process.alive = false
    this.network.crash(person.peer)
  }

  /** Starts another process on the same store: after `kill`, or after the node was stopped, or in the place of one that runs. */
  async restart(person: Person): Promise<void> {
    this.kill(person)
    this.#replace(person)
    await person.core.start()
  }

  /** Starts on another store, opened, after `kill` or a stop. Rejects as the core's start. */
  async startOn(person: Person, store: Store, around?: StoreSurroundings): Promise<void> {
    this.kill(person)
    person.disk = await faultyStore(store)
    this.#replace(person, around)
    await person.core.start()
  }

  /** A copy of everything in somebody's store, as it is now. */
  async backup({ disk }: Person): Promise<Backup> {
    return disk.store.iterator().all()
  }

  /** Puts an older copy in the place of the store, as a restored folder does, and starts with it. */
  async restore(person: Person, backup: Backup): Promise<void> {
    this.kill(person)
    person.disk = await faultyStore()
    await person.disk.store.batch(
      backup.map(([key, value]) => ({ type: 'put' as const, key, value })),
    )
    this.#replace(person)
    await person.core.start()
  }

  /** Begins again with the account, another device key and what is given: nothing, or what a backup holds. */
  async reinstall(person: Person, kept: readonly StoredRecord[] = []): Promise<void> {
    this.kill(person)
    person.disk = await faultyStore()
    this.#replace(person)
    await person.core.records.commit(kept.map((record) => ({ type: 'put', ...record })))
    await person.core.rename(person.name)
    await person.core.start()
  }

  #replace(person: Person, around?: StoreSurroundings): void {
    person.process = { alive: true, skew: person.process.skew }
    person.core = this.#core(person.account, person.disk.store, person.process, around)
    person.node = face(person.core)
  }

  /** A mailbox that has started, and its link. */
  async mailbox(): Promise<{
    readonly service: MailboxService
    readonly link: string
    readonly store: Store
    readonly account: Account
    /** What it keeps, for tests in which it is not honest. */
    readonly box: MailboxStore
  }> {
    const account = this.account()
    const disk: Store = new MemoryLevel<string, Uint8Array>({ valueEncoding: 'view' })
    const { store, wire, clock, random } = this.#around({
      store: disk,
      wire: this.network.wire(peerName(account.key)),
      clock: this.clock,
      random: this.random(),
    })
    const joinSecret = random(16)
    const records = new Records({ store, dataKey: DATA_KEY(), clock, random })
    const box = new LevelMailboxStore({ records, clock, limits: DEFAULT_LIMITS })
    const service = new MailboxService({
      account,
      wire,
      store: box,
      clock,
      random,
      joinSecret,
    })
    await service.start()
    const link = encodeMailboxLink({ account: account.key, addresses: [], joinSecret })
    return { service, account, link, store: disk, box }
  }

  #core(
    account: Account,
    store: Store,
    process: Process,
    around: StoreSurroundings = {},
  ): ChatCore {
    const dataKey = DATA_KEY()
    const ports = this.#around({
      store: mortalStore(store, process),
      wire: this.network.wire(peerName(account.key)),
      clock: mortalClock(this.clock, process),
      random: this.random(),
    })
    const { wire, clock, random } = ports
    const sealed = { store: ports.store, dataKey, clock, random }
    const records = new Records({ ...sealed, chain: keys.commits })
    const throwAway = this.network.throwAway(wire.self, random)
    const { directory } = this
    const { copies } = this
    return new ChatCore({
      ...{ account, records, wire, throwAway, directory, clock, random },
      ...around,
      ...(copies === undefined ? {} : { copies }),
    })
  }
}

/** The store as one process sees it: what it writes after its end goes nowhere. */
function mortalStore(store: Store, process: Process): Store {
  return new Proxy(store, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function') return value
      if (name === 'batch' && !process.alive) return () => new Promise(() => undefined)
      return value.bind(target)
    },
  })
}

function mortalClock(clock: Clock, process: Process): Clock {
  return {
    now: () => clock.now() + process.skew,
    after: (ms, run) =>
      clock.after(ms, () => {
        if (process.alive) run()
      }),
  }
}

function face(core: ChatCore): ChatNode {
  return new ChatNode({
    core,
    addresses: () => [],
    connections: () => 0,
    close: () => Promise.resolve(),
  })
}

/** What one has with the other, who is a contact. */
export function conversation(of: Person, other: Person): Conversation {
  const found = of.core.book.byAccount(other.account.key)
  if (found === undefined) throw new Error('no conversation')
  return found
}

/** Both know each other by name. */
export async function introduce(a: Person, b: Person): Promise<void> {
  await a.node.contacts.add(b.peer, { name: b.name })
  await b.node.contacts.add(a.peer, { name: a.name })
}

/** Finished envelopes that wait at one person for another, oldest first. */
export function envelopes(from: Person, to: Person): readonly Uint8Array[] {
  const conversation = from.core.book.byAccount(to.account.key)
  return [...(conversation?.outbox.values() ?? [])].flatMap(({ envelope }) =>
    envelope === undefined ? [] : [envelope],
  )
}

/** The history of one person with another; a gap is `…`, a damaged message `?`. */
export async function texts(person: Person, other: Person): Promise<readonly string[]> {
  const entries = await person.node.messages.list(other.peer)
  return entries.map((entry) =>
    entry.kind === 'text' ? entry.text : entry.kind === 'gap' ? '…' : '?',
  )
}

/** What somebody was told of so far, oldest first. */
export async function received(person: Person): Promise<readonly Message[]> {
  const messages: Message[] = []
  const { head } = person.core.events
  if (head === 0) return messages
  for await (const event of person.node.events({ from: 'start' })) {
    if (event.type === 'message.received') messages.push(event.message)
    if (event.seq === head) break
  }
  return messages
}
