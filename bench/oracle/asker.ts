/** A stranger who measures how long each refusal takes, one question at a time. */
import { MailboxClient, MailboxError } from '../../net/mailbox-client.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { accountKey } from '../../protocol/account.ts'
import { fromHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { patient } from '../mailbox/meeting.ts'
import { ENVELOPE_BYTES } from '../mailbox/orders.ts'
import { takeOrders } from '../orders.ts'
import type { PeerName } from '../../net/ports.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { AskerOrder, OracleMeeting, Times } from './orders.ts'

/** Questions of every case before those that count. */
const WARM_UP = 50

let asker: Asker | undefined

takeOrders(async (order: AskerOrder): Promise<Times | undefined> => {
  await ready
  if ('ask' in order) return await asker?.times(order.ask, order.samples)
  asker = new Asker(order.meet)
  return undefined
})

class Asker {
  readonly #meeting: OracleMeeting
  #client: MailboxClient | undefined

  constructor(meeting: OracleMeeting) {
    this.#meeting = meeting
  }

  async times(what: 'deposit' | 'bundle', samples: number): Promise<Times> {
    const cases = Object.entries(this.#meeting.owners[what]).map(([name, owner]) => ({
      name,
      owner: accountKey(fromHex(owner)),
      times: new Array<number>(),
    }))
    const client = await this.#open()
    for (let turn = -WARM_UP; turn < samples; turn++) {
      for (const { owner, times } of shuffled(cases)) {
        const took = await (what === 'deposit' ? deposit(client, owner) : bundle(client, owner))
        if (turn >= 0) times.push(took)
      }
    }
    return Object.fromEntries(cases.map(({ name, times }) => [name, times]))
  }

  /** A stream of its own for each order: the mailbox closes one that was silent. */
  async #open(): Promise<MailboxClient> {
    await this.#client?.close()
    const wire = await throwAwayWires({ clock, random }).make()
    const { peer, addresses } = this.#meeting
    this.#client = new MailboxClient({ wire, mailbox: peer as PeerName, addresses, clock, random })
    return this.#client
  }
}

/** With a token that nobody has given out. */
async function deposit(client: MailboxClient, owner: AccountKey): Promise<number> {
  const envelope = random(ENVELOPE_BYTES)
  envelope.set([1, 1])
  const question = { owner, depositId: random(16), envelope, token: random(32) }
  const begin = performance.now()
  try {
    await client.deposit(question, patient)
  } catch (cause) {
    if (cause instanceof MailboxError && cause.code === 'ERR_UNAVAILABLE') {
      return performance.now() - begin
    }
    throw cause
  }
  throw new Error('A deposit was taken that must be refused')
}

async function bundle(client: MailboxClient, owner: AccountKey): Promise<number> {
  const begin = performance.now()
  if ((await client.bundle(owner, patient)) !== undefined) {
    throw new Error('A bundle was given that must be refused')
  }
  return performance.now() - begin
}

/** What was asked before must say nothing about what is asked next. */
function shuffled<T>(all: readonly T[]): readonly T[] {
  return all
    .map((one) => ({ one, place: Math.random() }))
    .toSorted((a, b) => a.place - b.place)
    .map(({ one }) => one)
}
