// A real mailbox process is killed again and again while mail is left, fetched and acknowledged and one-time pairs are taken.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { accountOf } from '../../net/peer-name.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { ready } from '../../protocol/crypto.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { testAccount, testBundle, testPairs } from '../support/accounts.ts'
import { KilledMailbox } from '../support/killed-mailbox.ts'
import { testPeer } from '../support/network.ts'
import { envelope, textOf } from './world.ts'
import type { DepositInit, MailboxItem } from '../../net/mailbox-client.ts'
import type { RunningMailbox } from '../support/killed-mailbox.ts'
import type { TestPeer } from '../support/network.ts'

const KILLS = process.env['SLOW'] === '1' ? 200 : 20

/** Deposits of one sender that wait for their receipt. */
const LANES = 12

const endings: (() => Promise<void>)[] = []
beforeAll(() => ready)
afterAll(async () => {
  for (const end of endings.toReversed()) await end()
})

/** One run of the mailbox, which ends after so many answers. */
class Life {
  readonly box: RunningMailbox
  readonly #over = new AbortController()
  #left: number

  constructor(box: RunningMailbox, answers: number) {
    this.box = box
    this.#left = answers
  }

  get signal(): AbortSignal {
    return this.#over.signal
  }

  get over(): boolean {
    return this.#over.signal.aborted
  }

  /** Something was answered. */
  count(): void {
    if (--this.#left <= 0) this.end()
  }

  end(): void {
    this.#over.abort(new Error('killed'))
  }
}

/** What everybody was told, over all lives. */
class Ledger {
  readonly owner = testAccount(random)
  readonly received = new Map<string, bigint>()
  readonly promised = new Set<string>()
  /** Acknowledged, and the mailbox has confirmed it. */
  readonly settled = new Set<string>()
  readonly taken = new Set<number>()
  readonly faults: string[] = []
  uploaded = 0
  unpromised: DepositInit[] = []
  #serial = 0

  /** One whose receipt never came is left again under the same id, as senders do. */
  next(): DepositInit {
    const bytes = envelope(`${this.#serial++}`, { length: 700 })
    const fresh = { owner: this.owner.key, depositId: random(16), envelope: bytes }
    return this.unpromised.shift() ?? fresh
  }

  receive(items: readonly MailboxItem[]): void {
    for (const { id, envelope: bytes } of items) {
      const text = textOf(bytes)
      const before = this.received.get(text)
      if (before !== undefined && before !== id) this.faults.push(`${text} was there twice`)
      if (this.settled.has(text)) this.faults.push(`${text} came after it was acknowledged`)
      this.received.set(text, id)
    }
  }

  /** What a mailbox says of itself before anybody visits it. */
  addUp({ status: { accepted, removed, waiting } }: RunningMailbox): void {
    if (accepted === removed + waiting) return
    this.faults.push(`of ${accepted} accepted, ${removed} are gone and ${waiting} wait`)
  }

  take(id: number): void {
    if (this.taken.has(id)) this.faults.push(`pair ${id} was given twice`)
    this.taken.add(id)
  }
}

test(`whatever was promised survives ${KILLS} kills, what was acknowledged is gone, and no pair is given twice`, async () => {
  const mailbox = await KilledMailbox.create()
  endings.push(() => mailbox.end())
  const ledger = new Ledger()
  const home = await peer(ledger.owner)
  const [first, second] = [await peer(testAccount(random)), await peer(testAccount(random))]
  for (let kill = 0; kill < KILLS; kill++) {
    const [answers = 0] = random(1)
    const box = await mailbox.start()
    ledger.addUp(box)
    const life = new Life(box, 5 + answers / 2)
    const work = [own(life, ledger, home), leave(life, ledger, first), leave(life, ledger, second)]
    await Promise.all([...work, take(life, ledger, second), dying(life, mailbox)])
  }

  const end = await mailbox.start()
  ledger.addUp(end)
  expect(end.status.accepted).toBeGreaterThanOrEqual(ledger.promised.size)
  const last = new Life(end, Number.POSITIVE_INFINITY)
  const owning = own(last, ledger, home)
  const { client } = clientOf(last, first)
  const o = { signal: AbortSignal.timeout(30_000) }
  for (const deposit of ledger.unpromised.splice(0)) {
    await client.deposit(deposit, o)
    ledger.promised.add(textOf(deposit.envelope))
  }
  const at = clientOf(last, home, { owner: ledger.owner }).client
  let status = await at.status(o)
  while (status.waiting > 0) status = await at.status(o)
  last.end()
  await owning
  expect(ledger.faults).toEqual([])
  expect([...ledger.promised].filter((text) => !ledger.received.has(text))).toEqual([])
  expect(ledger.promised.size).toBeGreaterThan(KILLS)
  expect(ledger.settled.size).toBeGreaterThan(KILLS)
  expect(ledger.taken.size).toBeGreaterThan(KILLS)
  expect(status).toMatchObject({ waiting: 0, usedBytes: 0, bundleSequence: 1 })
  expect(status.oneTimePairs + ledger.taken.size).toBeLessThanOrEqual(ledger.uploaded)
  await Promise.all([client.close(), at.close()])
}, 600_000)

async function peer(account: ReturnType<typeof testAccount>): Promise<TestPeer> {
  const made = await testPeer({ account, listen: [] })
  endings.push(() => made.stop())
  return made
}

async function dying(life: Life, mailbox: KilledMailbox): Promise<void> {
  if (!life.over) {
    await new Promise<void>((resolve) => life.signal.addEventListener('abort', () => resolve()))
  }
  await mailbox.kill()
}

interface ClientParts {
  readonly owner?: Ledger['owner']
  readonly onItems?: (items: readonly MailboxItem[]) => void
}

function clientOf({ box, signal }: Life, { wire }: TestPeer, parts: ClientParts = {}) {
  const { peer: name, addresses } = box
  const client = new MailboxClient({ wire, mailbox: name, addresses, clock, random, ...parts })
  return { client, o: { signal } }
}

/** The owner: joins, keeps the shelf filled, fetches, acknowledges, until the life is over. */
async function own(life: Life, ledger: Ledger, home: TestPeer): Promise<void> {
  const arrived: MailboxItem[] = []
  let wake = Promise.withResolvers<void>()
  const onItems = (items: readonly MailboxItem[]): void => {
    ledger.receive(items)
    arrived.push(...items)
    wake.resolve()
  }
  life.signal.addEventListener('abort', () => wake.resolve())
  const { client, o } = clientOf(life, home, { owner: ledger.owner, onItems })
  try {
    await furnish(client, life, ledger)
    await client.fetch(o)
    while (!life.over) {
      await wake.promise
      wake = Promise.withResolvers()
      if (life.over) break
      const items = arrived.splice(0)
      await client.acknowledge(
        items.map(({ id }) => id),
        o,
      )
      for (const item of items) ledger.settled.add(textOf(item.envelope))
      life.count()
    }
  } catch (cause) {
    if (!life.over) throw cause
  } finally {
    await client.close()
  }
}

/** Everything an owner does after coming back, all of it again after each kill. */
async function furnish(client: MailboxClient, life: Life, ledger: Ledger): Promise<void> {
  const o = { signal: life.signal }
  const { joinSecret } = decodeMailboxLink(life.box.link)
  await client.join(joinSecret, o)
  const now = clock.now()
  const { bundleSequence, oneTimePairs } = await client.status(o)
  if (bundleSequence === 0) {
    await client.putBundle(testBundle(ledger.owner, { sequence: 1, now }, random).bytes, o)
  }
  if (oneTimePairs >= 10) return
  const pairs = testPairs(ledger.owner, accountOf(life.box.peer), { count: 40, now }, random)
  ledger.uploaded += pairs.length
  await client.putPrekeys(
    pairs.map(({ signed }) => signed),
    o,
  )
}

/** A sender with many deposits on their way. */
async function leave(life: Life, ledger: Ledger, from: TestPeer): Promise<void> {
  const { client, o } = clientOf(life, from)
  const lane = async (): Promise<void> => {
    while (!life.over) {
      const deposit = ledger.next()
      try {
        await client.deposit(deposit, o)
        ledger.promised.add(textOf(deposit.envelope))
        life.count()
      } catch {
        ledger.unpromised.push(deposit) // killed, or the owner has not joined yet
        if (!life.over) await turn()
      }
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await client.close()
}

/** A stranger who takes one pair after another. */
async function take(life: Life, ledger: Ledger, from: TestPeer): Promise<void> {
  const { client, o } = clientOf(life, from)
  while (!life.over) {
    try {
      const { pair } = await client.takePrekey(ledger.owner.key, o)
      if (pair !== undefined) ledger.take(pair.id)
      life.count()
    } catch {
      if (!life.over) await turn() // there is no bundle yet
    }
  }
  await client.close()
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
