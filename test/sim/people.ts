// The programs that run on the hosts: a person's node, and a mailbox.
import { encodeMailboxLink } from '../../protocol/link.ts'
import type { AccountKey } from '../../protocol/account.ts'
import { ChatCore } from '../../node/core.ts'
import { ChatNode } from '../../node/chat-node.ts'
import { NodeRefit, pack, SELECTION } from '../../node/backup-records.ts'
import { DYING, keys } from '../../node/keys.ts'
import { keys as mailboxKeys } from '../../mailbox/level/keys.ts'
import type { MailboxStore } from '../../mailbox/store.ts'
import type { CommitMark, StoredChain } from '../../net/commit-chain.ts'
import type { PeerName } from '../../net/ports.ts'
import type { StoredRecord } from '../../net/records.ts'
import { OpenedRecords } from '../../net/backup/snapshot.ts'
import { sealValue } from '../../net/sealed-value.ts'
import { openMark } from '../../node/marks.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { MailboxService } from '../../mailbox/service.ts'
import { Dice } from '../campaign/dice.ts'
import { seededRandom } from '../support/random.ts'
import type { Image } from './disk.ts'
import type { FaultLog } from './faults.ts'
import { lyingStore, type MailboxLie } from './lying-store.ts'
import { Host, type Surroundings } from './host.ts'

/** How far the store of a node is, and the mailboxes that it uses. */
export interface StoreState {
  readonly chain: StoredChain | undefined
  readonly mailboxes: readonly PeerName[]
}

/** Somebody with a node. */
export class Person extends Host {
  #core: ChatCore | undefined
  #node: ChatNode | undefined
  /** Whether an older copy of its database was put in its place: what came and went since is gone. */
  isHurt = false
  /** Whether that was done to its whole folder, and no mailbox knew better: it goes on where it was then. */
  isUnaware = false
  /** Told of each new node before it starts. */
  onNode: (node: ChatNode) => void = () => undefined

  get core(): ChatCore {
    if (this.#core === undefined) throw new Error(`${this.name} was never started`)
    return this.#core
  }

  get node(): ChatNode {
    if (this.#node === undefined) throw new Error(`${this.name} was never started`)
    return this.#node
  }

  async start(): Promise<void> {
    const ports = await this.begin(keys.commits, DYING)
    const witnesses = this.witnesses.map((file) => file.open(this.process))
    const core = new ChatCore({ ...ports, witnesses })
    const node = new ChatNode({
      core,
      addresses: () => [],
      connections: () => 0,
      close: () => Promise.resolve(),
    })
    this.#core = core
    this.#node = node
    this.onNode(node)
    await core.start()
    if (core.name === '') await core.rename(this.name)
  }

  /** A new folder with what a backup holds that was made of a database at a time (Unix ms). No process runs. */
  async restoreBackup(database: Image, createdAt: number): Promise<void> {
    const refit = new NodeRefit({ now: createdAt, createdAt })
    const restored: StoredRecord[] = []
    const opened = new OpenedRecords(this.dataKey(), { pack, insteadOf: () => undefined })
    for await (const record of opened.of(kept(database))) restored.push(...refit.take(record))
    const random = seededRandom(`${this.name} restored`)
    this.replaceFolder((key) => {
      return new Map(restored.map((one) => [one.key, sealValue(key, one.key, one.value, random)]))
    })
  }

  async storeState(): Promise<StoreState> {
    const mailboxes = this.node.mailbox.list().map(({ peer }) => peer)
    return { chain: await this.core.records.continuity(), mailboxes }
  }

  async stop(): Promise<void> {
    const { core, node } = this
    await node.stop()
    await core.records.close()
    this.ended()
  }
}

/** Of a database what goes into a backup, in the order of the names. */
async function* kept(database: Image): AsyncGenerator<StoredRecord, void, undefined> {
  for (const key of [...database.keys()].filter(SELECTION.isKept).toSorted()) {
    const value = database.get(key)
    if (value !== undefined) yield { key, value }
  }
}

/** A mailbox that others use. */
export class Mailbox extends Host {
  readonly link: string
  readonly #joinSecret = new Uint8Array(16).fill(9)
  readonly #faults: FaultLog
  readonly #dice: Dice
  #service: MailboxService | undefined
  #store: MailboxStore | undefined
  /** What it does besides its duty. */
  lies: readonly MailboxLie[] = []
  /** Whether it ever lied: its word is worth nothing then. */
  isHonest = true

  constructor(around: Surroundings, name: string) {
    super(around, name)
    this.#faults = around.faults
    this.#dice = new Dice(`${around.seed} lies ${name}`)
    const account: AccountKey = this.account.key
    this.link = encodeMailboxLink({ account, addresses: [], joinSecret: this.#joinSecret })
  }

  /** How far a person's store was, as that person's node has left it here. */
  async markOf({ account, core }: Person): Promise<CommitMark | undefined> {
    const sealed = await this.#store?.mark(account.key)
    const place = { account: account.key, mailbox: this.account.key, key: core.records.markKey() }
    return sealed && openMark(place, sealed)
  }

  get service(): MailboxService {
    if (this.#service === undefined) throw new Error(`${this.name} was never started`)
    return this.#service
  }

  async start(): Promise<void> {
    const { account, records, wire, clock, random, directory } = await this.begin(
      mailboxKeys.commits,
    )
    const store = (this.#store = lyingStore({
      store: new LevelMailboxStore({ records, clock, limits: DEFAULT_LIMITS }),
      dice: this.#dice,
      faults: this.#faults,
      lies: () => this.lies,
    }))
    const joinSecret = this.#joinSecret
    const init = { account, wire, store, clock, random, directory, joinSecret }
    this.#service = new MailboxService(init)
    await this.#service.start()
  }

  async stop(): Promise<void> {
    await this.service.stop()
    this.ended()
  }
}
