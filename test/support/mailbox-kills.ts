// A real mailbox process on a real folder is killed again and again while mail is left, fetched and acknowledged, one-time pairs are
// taken, and the time runs so fast that mail and pairs expire. Every other kill waits until something does.
import { MailboxClient, MailboxError } from '../../net/mailbox-client.ts'
import { accountOf } from '../../net/peer-name.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { textOf } from '../mailbox/world.ts'
import { testAccount, testBundle, testPairs } from './accounts.ts'
import { hurriedClock } from './hurried-clock.ts'
import { Ledger } from './kill-ledger.ts'
import { ExpiryWatch, Life } from './kill-life.ts'
import { KilledMailbox } from './killed-mailbox.ts'
import { testPeer } from './network.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { Clock } from '../../net/ports.ts'
import type { Owner, Pending } from './kill-ledger.ts'
import type { ExpiryCounts, LifeInit } from './kill-life.ts'
import type { TestPeer } from './network.ts'

/** Deposits of one sender that wait for their receipt. */
const LANES = 12

/** Answers of the longest life, which has more when it waits for expiry. */
const MOST_ANSWERS = 130

/** How many times more. */
const PATIENCE = 3

/** Lives from one in which the other owner is there to the next. */
const VISITS = 5

/** Pairs of an owner that strangers take, to one of the other, whose pairs expire. */
const RARELY = 8

/** What became of one mailbox over its lives. */
export interface KillReport {
  /** Each a promise that was broken. */
  readonly faults: readonly string[]
  readonly promised: number
  readonly received: number
  /** Acknowledged and confirmed. */
  readonly settled: number
  /** Promises that ended before their owner came. */
  readonly expired: number
  readonly pairs: number
  readonly expiry: ExpiryCounts
  /** MiB, the most that any life had resident. */
  readonly memory: number
}

/** `below(limit)` decides after how many answers each life ends. */
export async function killMailbox(
  kills: number,
  below: (limit: number) => number,
): Promise<KillReport> {
  const began = Date.now()
  const mailbox = await KilledMailbox.create(began)
  const campaign = new Campaign(mailbox, hurriedClock(began))
  try {
    await campaign.start()
    for (let kill = 0; kill < kills; kill++) {
      const answers = 5 + below(MOST_ANSWERS)
      await campaign.life(answers, { waits: below(2) === 0, visited: kill % VISITS === VISITS - 1 })
    }
    return await campaign.end()
  } finally {
    await campaign.stop()
    await mailbox.end()
  }
}

interface ClientParts {
  readonly owner?: Owner
  readonly onItems?: (items: readonly MailboxItem[]) => void
}

class Campaign {
  readonly #mailbox: KilledMailbox
  readonly #clock: Clock
  readonly #ledger = new Ledger()
  readonly #peers: TestPeer[] = []
  readonly #expiry = new ExpiryWatch()
  #sequence = 0
  #memory = 0
  /** When this life began; how long all those before it were. */
  #began = performance.now()
  #ran = 0

  constructor(mailbox: KilledMailbox, clock: Clock) {
    this.#mailbox = mailbox
    this.#clock = clock
  }

  /** The owners, and two who leave mail. */
  async start(): Promise<void> {
    const { home, away } = this.#ledger
    const accounts = [home.account, away.account, testAccount(random), testAccount(random)]
    for (const account of accounts) this.#peers.push(await testPeer({ account, listen: [] }))
  }

  /** Until it is killed. With `visited`, the other owner is there too. */
  async life(
    answers: number,
    { waits, visited }: { readonly waits: boolean; readonly visited: boolean },
  ): Promise<void> {
    const life = await this.#run({ answers, waits, patience: PATIENCE })
    const [home, away, first, second] = this.#peers as [TestPeer, TestPeer, TestPeer, TestPeer]
    if (this.#sequence === 0) await this.#join(life, away)
    const owners = [this.#own(life, home, this.#ledger.home)]
    if (visited) owners.push(this.#own(life, away, this.#ledger.away))
    const work = [...owners, this.#leave(life, first), this.#leave(life, second)]
    await Promise.all([...work, this.#take(life, second), this.#dying(life)])
  }

  /** Everything that is still due must come now. */
  async end(): Promise<KillReport> {
    const { home, away, owners, faults } = this.#ledger
    const life = await this.#run({ answers: Infinity, waits: false, patience: 1 })
    const [homePeer, awayPeer, sender] = this.#peers as [TestPeer, TestPeer, TestPeer]
    const { client, o } = this.#client(life, sender)
    for (let left = this.#again(); left !== undefined; left = this.#again()) {
      this.#ledger.promise(left, (await client.deposit(left.deposit, o)).keptUntil)
    }
    await client.close()
    await this.#empty(life, homePeer, home)
    await this.#empty(life, awayPeer, away)
    const now = this.#clock.now()
    life.end()
    const missing = owners.flatMap((owner) => owner.missing(now))
    const sum = (of: (owner: Owner) => number): number => of(home) + of(away)
    return {
      faults: [...faults, ...missing.map((text) => `${text} was promised and never came`)],
      promised: sum(({ promised }) => promised.size),
      received: sum(({ received }) => received.size),
      settled: sum(({ settled }) => settled.size),
      expired: sum((owner) => owner.expired(now)),
      pairs: sum(({ taken }) => taken.size),
      expiry: this.#expiry.counts,
      memory: this.#memory,
    }
  }

  async stop(): Promise<void> {
    for (const peer of this.#peers) await peer.stop()
  }

  async #run(init: Omit<LifeInit, 'box'>): Promise<Life> {
    let life: Life | undefined
    const box = await this.#mailbox.start((expiring) => {
      this.#expiry.tell(expiring)
      if (!expiring.done) life?.expiring()
    })
    this.#began = performance.now()
    this.#ledger.addUp(box, this.#clock.now())
    this.#expiry.counted(box.status.expired)
    return (life = new Life({ ...init, box }))
  }

  /** For how long the mailbox has been running. */
  #running(): number {
    return this.#ran + performance.now() - this.#began
  }

  #again(): Pending | undefined {
    return this.#ledger.again(this.#running())
  }

  async #dying(life: Life): Promise<void> {
    if (!life.over) {
      await new Promise<void>((resolve) => life.signal.addEventListener('abort', () => resolve()))
    }
    this.#memory = Math.max(this.#memory, this.#mailbox.memory())
    await this.#mailbox.kill()
    this.#expiry.killed()
    this.#ran = this.#running()
  }

  #client({ box, signal }: Life, { wire }: TestPeer, { owner, ...parts }: ClientParts = {}) {
    const at = { wire, mailbox: box.peer, addresses: box.addresses, clock: this.#clock, random }
    const named = owner === undefined ? {} : { owner: owner.account }
    return { client: new MailboxClient({ ...at, ...named, ...parts }), o: { signal } }
  }

  async #join(life: Life, peer: TestPeer): Promise<void> {
    const { client, o } = this.#client(life, peer, { owner: this.#ledger.away })
    await client.join(decodeMailboxLink(life.box.link).joinSecret, o)
    await client.close()
  }

  /** An owner who is there: joins, keeps the shelf filled, fetches and acknowledges until the life is over. */
  async #own(life: Life, peer: TestPeer, owner: Owner): Promise<void> {
    const drained = this.#drain(life, peer, owner)
    try {
      await this.#furnish(drained.client, life, owner)
      await drained.client.fetch({ signal: life.signal })
      while (!life.over) await drained.acknowledge()
    } catch (cause) {
      if (!life.over && !isClosed(cause)) throw cause
    } finally {
      await drained.client.close()
    }
  }

  /** Takes all that waits. */
  async #empty(life: Life, peer: TestPeer, owner: Owner): Promise<void> {
    const { client, acknowledge } = this.#drain(life, peer, owner)
    const o = { signal: life.signal }
    await client.fetch(o)
    for (let status = await client.status(o); status.waiting > 0; status = await client.status(o)) {
      await acknowledge()
    }
    const { usedBytes, oneTimePairs } = await client.status(o)
    if (usedBytes !== 0) this.#ledger.faults.push(`an empty box has ${usedBytes} bytes`)
    if (oneTimePairs + owner.taken.size > owner.uploaded) {
      this.#ledger.faults.push('there are more pairs than were uploaded')
    }
    await client.close()
  }

  #drain(life: Life, peer: TestPeer, owner: Owner) {
    const arrived: MailboxItem[] = []
    let wake = Promise.withResolvers<void>()
    const onItems = (items: readonly MailboxItem[]): void => {
      this.#ledger.receive(owner, items)
      arrived.push(...items)
      wake.resolve()
    }
    life.signal.addEventListener('abort', () => wake.resolve())
    const { client, o } = this.#client(life, peer, { owner, onItems })
    const acknowledge = async (): Promise<void> => {
      if (arrived.length === 0) await wake.promise
      wake = Promise.withResolvers()
      if (life.over) return
      const items = arrived.splice(0)
      const ids = items.map(({ id }) => id)
      await client.acknowledge(ids, o)
      for (const item of items) owner.settled.add(textOf(item.envelope))
      life.count()
    }
    return { client, acknowledge }
  }

  /** Everything an owner does after coming back, all of it again after each kill. */
  async #furnish(client: MailboxClient, life: Life, owner: Owner): Promise<void> {
    const o = { signal: life.signal }
    const now = this.#clock.now()
    const sequence = ++this.#sequence
    await client.join(decodeMailboxLink(life.box.link).joinSecret, o)
    await client.putBundle(testBundle(owner.account, { sequence, now }, random).bytes, o)
    const { oneTimePairs } = await client.status(o)
    if (oneTimePairs >= 10) return
    const pairs = testPairs(owner.account, accountOf(life.box.peer), { count: 40, now }, random)
    owner.uploaded += pairs.length
    await client.putPrekeys(
      pairs.map(({ signed }) => signed),
      o,
    )
  }

  /** A sender with many deposits on their way. */
  async #leave(life: Life, from: TestPeer): Promise<void> {
    let { client, o } = this.#client(life, from)
    const lane = async (): Promise<void> => {
      while (!life.over) {
        const pending = this.#ledger.next(this.#running())
        const used = client
        try {
          this.#ledger.promise(pending, (await used.deposit(pending.deposit, o)).keptUntil)
          life.count()
        } catch (cause) {
          this.#ledger.fail(pending) // killed, or the owner has not joined yet
          if (isClosed(cause) && used === client) ({ client, o } = this.#client(life, from))
          if (!life.over) await turn()
        }
      }
    }
    await Promise.all(Array.from({ length: LANES }, lane))
    await client.close()
  }

  /** A stranger who takes one pair after another. */
  async #take(life: Life, from: TestPeer): Promise<void> {
    let { client, o } = this.#client(life, from)
    const { home, away } = this.#ledger
    for (let turns = 1; !life.over; turns++) {
      const owner = turns % RARELY === 0 ? away : home
      try {
        const { pair } = await client.takePrekey(owner.account.key, o)
        if (pair !== undefined) this.#ledger.take(owner, pair.id)
        life.count()
      } catch (cause) {
        if (isClosed(cause)) ({ client, o } = this.#client(life, from))
        if (!life.over) await turn() // there is no bundle yet
      }
    }
    await client.close()
  }
}

/** On a machine that has more to do than it can, a connection ends because nobody answered it. */
function isClosed(cause: unknown): boolean {
  return cause instanceof MailboxError && cause.code === 'ERR_CLOSED'
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
