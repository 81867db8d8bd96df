// Two nodes and a mailbox, each a real process on a real LevelDB folder, chat both ways and are killed at random moments: while they
// start, write, send, receive and acknowledge. What was accepted must be shown exactly once to the other side.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { NodeChild } from './node-child.ts'
import type { Begin, Report, Told } from './node-process.ts'

/** What became of two people over all their lives. */
export interface NodeKillReport {
  readonly kills: number
  /** Texts whose `send` had resolved. */
  readonly accepted: number
  /** Of these, not shown to the other side. */
  readonly lost: number
  /** Texts that were shown more than once, on either side. */
  readonly doubled: number
  /** Everything else that must not be. */
  readonly faults: readonly string[]
}

/** Longest pause from the beginning of a life to its end, in ms: starting takes some of it. */
const LONGEST_LIFE = 2_500

/** How long everything may take to arrive in the end, and how often both are started again for that. */
const SETTLE_MS = 30_000
const SETTLES = 10

/** `below(limit)` decides who is killed, and when. */
export async function killNodes(
  kills: number,
  below: (limit: number) => number,
): Promise<NodeKillReport> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-node-kills-'))
  const trio = new Trio(folder)
  try {
    await trio.start()
    let left = kills
    while (left > 0) left -= await trio.life(left, below)
    return { kills, ...(await trio.end()) }
  } finally {
    await trio.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

class Trio {
  readonly #box: NodeChild
  readonly #ada: NodeChild
  readonly #bob: NodeChild
  readonly #accepted = new Map<string, Set<string>>()
  readonly #faults: string[] = []
  #life = 0

  constructor(folder: string) {
    const listen = '/ip4/127.0.0.1/tcp/0'
    const child = (name: string, order: Begin): NodeChild => {
      const told = (what: Told): void => this.#hear(name, what)
      return new NodeChild({ folder, name, order, told, loadsAhead: true })
    }
    const person = (name: string): NodeChild => {
      this.#accepted.set(name, new Set())
      return child(name, { do: 'node', dir: join(folder, name), listen, name })
    }
    this.#box = child('mailbox', { do: 'mailbox', dir: join(folder, 'box'), listen })
    this.#ada = person('ada')
    this.#bob = person('bob')
  }

  get #people(): readonly (readonly [NodeChild, NodeChild])[] {
    return [
      [this.#ada, this.#bob],
      [this.#bob, this.#ada],
    ]
  }

  async start(): Promise<void> {
    await this.#box.start()
    for (const one of [this.#ada, this.#bob]) {
      if (one.order.do === 'node') one.order = { ...one.order, mailbox: this.#box.link }
      await one.start()
    }
    for (const [one, other] of this.#people) {
      await one.ask({ do: 'befriend', link: other.link, name: other.name }, 'done')
    }
    this.#talk()
  }

  /** Up to three of them are killed at one moment, and started again. Returns how many. */
  async life(most: number, below: (limit: number) => number): Promise<number> {
    const all = [this.#ada, this.#bob, this.#box]
    const chosen = [all[below(2)], all[below(3)], all[below(3)]].slice(0, 1 + below(3))
    const victims = [...new Set(chosen)].filter((one) => one !== undefined).slice(0, most)
    const starting = all.filter(({ isRunning }) => !isRunning).map((one) => one.start())
    const pause = below(LONGEST_LIFE)
    await Promise.race([
      this.#pauseOf(pause),
      Promise.all(starting).then(() => this.#talkAndWait()),
    ])
    // In half of all lives they are up and at work for a while.
    if (pause % 2 === 0) {
      await Promise.all(starting)
      this.#talk()
      await this.#pauseOf(pause)
    }
    await Promise.all(victims.map((victim) => victim.kill()))
    await Promise.all(starting)
    return victims.length
  }

  /** Everybody is there, and everything has to arrive. */
  async end(): Promise<Omit<NodeKillReport, 'kills'>> {
    let reports: readonly Report[] = []
    for (let round = 0; round < SETTLES; round++) {
      await Promise.all([this.#ada, this.#bob].map((one) => one.kill()))
      for (const one of [this.#box, this.#ada, this.#bob]) if (!one.isRunning) await one.start()
      reports = await this.#settled()
      if (this.#missing(reports) === 0) break
    }
    const doubled = reports.map(({ history }) => history.length - new Set(history).size)
    const odd = reports.flatMap(({ history }) => history.filter((entry) => !entry.includes(' ')))
    const diverged = reports.reduce((sum, report) => sum + report.diverged, 0)
    return {
      accepted: this.#texts.length,
      lost: this.#missing(reports),
      doubled: doubled.reduce((a, b) => a + b, 0),
      faults: [
        ...this.#faults,
        ...odd.map((entry) => `a history shows: ${entry}`),
        ...(diverged > 0 ? [`${diverged} positions were used twice`] : []),
      ],
    }
  }

  async stop(): Promise<void> {
    await Promise.all([this.#ada, this.#bob, this.#box].map((one) => one.end()))
  }

  get #texts(): readonly string[] {
    return [...this.#accepted.values()].flatMap((texts) => [...texts])
  }

  /** Reports of ada and bob when nothing waits any more, or of the last moment. */
  async #settled(): Promise<readonly Report[]> {
    const until = Date.now() + SETTLE_MS
    for (;;) {
      const reports = await Promise.all(
        this.#people.map(async ([one, other]) => {
          const told = await one.ask({ do: 'report', about: other.name }, 'report')
          return told !== undefined && 'report' in told ? told.report : undefined
        }),
      )
      const all = reports.filter((report) => report !== undefined)
      if (this.#missing(all) === 0 || Date.now() > until) return all
      await this.#pauseOf(500)
    }
  }

  #missing([adas, bobs]: readonly Report[]): number {
    const shown = (report: Report | undefined): Set<string> => new Set(report?.history)
    const [atAda, atBob] = [shown(adas), shown(bobs)]
    const ofAda = [...(this.#accepted.get('ada') ?? [])].filter((text) => !atBob.has(`in ${text}`))
    const ofBob = [...(this.#accepted.get('bob') ?? [])].filter((text) => !atAda.has(`in ${text}`))
    return ofAda.length + ofBob.length
  }

  #talk(): void {
    this.#life++
    for (const [one, other] of this.#people) {
      one.tell({ do: 'talk', to: other.name, prefix: `${one.name} ${this.#life}-` })
    }
  }

  async #talkAndWait(): Promise<void> {
    this.#talk()
    await new Promise(() => undefined)
  }

  #hear(name: string, told: Told): void {
    if ('accepted' in told) this.#accepted.get(name)?.add(told.accepted)
    if ('refused' in told) this.#faults.push(`${name} refuses: ${told.refused}`)
    if ('said' in told) this.#faults.push(`${name} says of its store: ${told.said}`)
    if (!('up' in told)) return
    if (told.recovery !== null) this.#faults.push(`${name} says: ${told.recovery.reason}`)
    if (told.damaged > 0) this.#faults.push(`${name} has ${told.damaged} damaged records`)
  }

  #pauseOf(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms))
  }
}
