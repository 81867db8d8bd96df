/**
 * Delivery between contacts while strangers flood one of them with forged first messages. Four processes: this one, the node that
 * is flooded, its contact, and all forgers. Each round has a quiet sample and a flooded one.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'
import type {
  ContactOrder,
  ForgerOrder,
  ReceiverOrder,
  Refusals,
  Target,
  Memory,
} from './flood/orders.ts'
import type { Unit } from './report.ts'
import { percentile } from './statistics.ts'
import type { Bench, Case } from './rounds.ts'

const IDENTITIES = 200
const FORGED_PER_SECOND = 500

const MESSAGES = 400
const SENT_PER_SECOND = 50

const MIB = 2 ** 20

/** Starts the processes; `end` stops them and removes their folders. */
export async function floodBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  const receiver = Child.start<ReceiverOrder>(script('receiver'))
  const contact = Child.start<ContactOrder>(script('contact'))
  const forgers = Child.start<ForgerOrder>(script('forger'))
  const end = (): void => {
    for (const child of [receiver, contact, forgers]) child.end()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const target = await receiver.ask<Target>({ start: made(folder, 'receiver') })
    await contact.ask({ start: made(folder, 'contact'), link: target.link })
    await forgers.ask({ start: target, identities: IDENTITIES })
    const samples = new Samples(receiver, contact, forgers)
    return { cases: casesOf(samples, await samples.memory()), end }
  } catch (cause) {
    end()
    throw cause
  }
}

function casesOf(samples: Samples, before: Memory): readonly Case[] {
  const of = (job: string, unit: Unit, run: () => Promise<number> | number): Case => {
    return { job, subject: 'sotto', unit, run: async () => run() }
  }
  const perSecond = (count: (refusals: Refusals) => number) => () => {
    return count(samples.refusals) / samples.refusals.seconds
  }
  return [
    of('quiet-p50', 'ms', async () => percentile((await samples.quiet()).times, 0.5)),
    of('quiet-p99', 'ms', () => percentile(samples.last.times, 0.99)),
    of('quiet-cpu', 'ms', () => samples.last.cpu),
    of('flooded-p50', 'ms', async () => percentile((await samples.flooded()).times, 0.5)),
    of('flooded-p99', 'ms', () => percentile(samples.last.times, 0.99)),
    of('flooded-cpu', 'ms', () => samples.last.cpu),
    of(
      'forged',
      '1/s',
      perSecond(({ sent }) => sent),
    ),
    of(
      'refused-cannot-open',
      '1/s',
      perSecond(({ cannotOpen }) => cannotOpen),
    ),
    of(
      'refused-not-allowed',
      '1/s',
      perSecond(({ notAllowed }) => notAllowed),
    ),
    of(
      'refused-try-later',
      '1/s',
      perSecond(({ tryLater }) => tryLater),
    ),
    of(
      'unanswered',
      '1/s',
      perSecond(({ unanswered }) => unanswered),
    ),
    of('memory-before', 'MiB', () => before.resident / MIB),
    of('memory-flooded', 'MiB', async () => (await samples.memory()).resident / MIB),
    of('held-before', 'MiB', () => before.held / MIB),
    of('held-flooded', 'MiB', async () => (await samples.memory()).held / MIB),
  ]
}

interface Sample {
  /** Milliseconds that each message of the contact took. */
  readonly times: readonly number[]
  /** Milliseconds of processor time that the node took in a second. */
  readonly cpu: number
}

/** Takes samples, and holds the last one for the jobs that look at another side of it. */
class Samples {
  readonly #receiver: Child<ReceiverOrder>
  readonly #contact: Child<ContactOrder>
  readonly #forgers: Child<ForgerOrder>
  last: Sample = { times: [], cpu: 0 }
  /** Of the last flood. */
  refusals: Refusals = NO_REFUSALS

  constructor(
    receiver: Child<ReceiverOrder>,
    contact: Child<ContactOrder>,
    forgers: Child<ForgerOrder>,
  ) {
    this.#receiver = receiver
    this.#contact = contact
    this.#forgers = forgers
  }

  async quiet(): Promise<Sample> {
    const began = performance.now()
    const before = await this.#cpu()
    const order = { send: MESSAGES, perSecond: SENT_PER_SECOND }
    const times = await this.#contact.ask<number[]>(order)
    const cpu = (await this.#cpu()) - before
    this.last = { times, cpu: (cpu * 1000) / (performance.now() - began) }
    return this.last
  }

  async flooded(): Promise<Sample> {
    await this.#forgers.ask({ flood: FORGED_PER_SECOND })
    const sample = await this.quiet()
    this.refusals = await this.#forgers.ask<Refusals>({ stop: true })
    if (this.refusals.taken > 0) throw new Error('The node has taken a forged message')
    return sample
  }

  /** Of the node that is flooded. */
  memory(): Promise<Memory> {
    return this.#receiver.ask({ memory: true })
  }

  #cpu(): Promise<number> {
    return this.#receiver.ask({ cpu: true })
  }
}

const NO_REFUSALS: Refusals = {
  seconds: 0,
  sent: 0,
  cannotOpen: 0,
  notAllowed: 0,
  tryLater: 0,
  taken: 0,
  unanswered: 0,
}

function script(role: string): URL {
  return new URL(`./flood/${role}-worker.ts`, import.meta.url)
}

function made(folder: string, role: string): string {
  const own = join(folder, role)
  mkdirSync(own, { mode: 0o700 })
  return own
}
