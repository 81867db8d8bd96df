// Two people who chat both ways for long, with their mailbox, while others come and go: two friends who stop, freeze and start again, a
// second mailbox that restarts, strangers who become contacts. Each is a real process on a real LevelDB folder. The two and their
// mailbox run from the beginning to the end and are measured.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { prefixOf, SoakLedger, type SoakCount } from './soak-ledger.ts'
import { SoakedProcess, type Sample } from './soaked-process.ts'
import type { Told } from './node-process.ts'

export interface SoakInit {
  /** How long they chat, in ms, and from one measurement to the next. */
  readonly ms: number
  readonly sampleMs: number
  /** What pauses of those who come and go are counted in, in ms. */
  readonly churnMs: number
  /** @default PAIRS */
  readonly pairs?: readonly Pair[]
  /** How often as fast as the pairs say they write. */
  readonly pace: number
  /** Dice of its own for each who comes and goes. */
  readonly below: (name: string) => (limit: number) => number
  /** Ends it before its time. */
  readonly signal?: AbortSignal
  readonly onSample?: (name: string, sample: Sample) => void
}

export interface SoakReport extends SoakCount {
  readonly ms: number
  readonly samples: ReadonlyMap<string, readonly Sample[]>
  /** Messages that wait for their receipt in the end. */
  readonly queued: number
  readonly churn: Readonly<Record<ChurnKind, number>>
  /** Everything else that must not be. */
  readonly faults: readonly string[]
}

type ChurnKind = 'restarts' | 'freezes' | 'mailboxRestarts' | 'strangers'

/** Who writes to whom, both ways, and how many ms lie between two texts. */
export type Pair = readonly [one: string, other: string, every: number]

/** The two who are always there are in any pairs; everybody else comes and goes. */
const STEADY: readonly string[] = ['ada', 'bob']

const PAIRS: readonly Pair[] = [
  ['ada', 'bob', 500],
  ['ada', 'cleo', 1_500],
  ['bob', 'dan', 1_500],
  ['cleo', 'dan', 3_000],
]

const LISTEN = '/ip4/127.0.0.1/tcp/0'

/** How long everything may take to arrive in the end. */
const SETTLE_MS = 180_000

/** Throws when a process ends by itself or does not answer. */
export async function soak(init: SoakInit): Promise<SoakReport> {
  const folder = await mkdtemp(join(tmpdir(), 'sotto-soak-'))
  const group = new Group(folder, init)
  try {
    await group.start()
    await group.run()
    return await group.end()
  } finally {
    await group.stop()
    await rm(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

class Group {
  readonly #folder: string
  readonly #init: SoakInit
  readonly #pairs: readonly Pair[]
  readonly #ledger = new SoakLedger()
  readonly #faults: string[] = []
  readonly #box: SoakedProcess
  readonly #spare: SoakedProcess
  readonly #people = new Map<string, SoakedProcess>()
  readonly #strangers = new Set<SoakedProcess>()
  /** Who knows whom. */
  readonly #known: (readonly [string, string])[] = []
  readonly #samples = new Map<string, Sample[]>()
  readonly #churn = { restarts: 0, freezes: 0, mailboxRestarts: 0, strangers: 0 }
  readonly #over = new AbortController()
  #lives = 0
  #ms = 0

  constructor(folder: string, init: SoakInit) {
    this.#folder = folder
    this.#init = init
    this.#pairs = init.pairs ?? PAIRS
    this.#box = this.#mailbox('box')
    this.#spare = this.#mailbox('spare')
  }

  async start(): Promise<void> {
    await Promise.all([this.#box.start(), this.#spare.start()])
    for (const name of new Set(this.#pairs.flatMap(([one, other]) => [one, other]))) {
      const { link } = name === 'dan' ? this.#spare : this.#box
      const person = this.#person(name, link)
      this.#people.set(name, person)
    }
    await Promise.all([...this.#people.values()].map((person) => person.start()))
    for (const [name, other] of this.#pairs) await this.#befriend(this.#of(name), this.#of(other))
    for (const name of this.#people.keys()) this.#chat(name)
  }

  /** Ends with its time, or with the first thing that goes wrong. */
  async run(): Promise<void> {
    const began = performance.now()
    const limit = AbortSignal.timeout(this.#init.ms)
    const ends = [limit, ...(this.#init.signal === undefined ? [] : [this.#init.signal])]
    for (const signal of ends) signal.addEventListener('abort', () => this.#over.abort())
    try {
      await Promise.all([
        this.#again('measure', () => this.#measure()),
        ...this.#friends.map((name) =>
          this.#again(name, (below) => this.#come(this.#of(name), below)),
        ),
        this.#again('spare', (below) => this.#restartMailbox(below)),
        this.#again('strangers', (below) => this.#meet(below)),
      ])
    } finally {
      this.#over.abort()
      this.#ms = performance.now() - began
    }
  }

  /** Everybody is there and writes no more; everything has to arrive. */
  async end(): Promise<SoakReport> {
    const people = [...this.#people.values()]
    await Promise.all(people.map((person) => person.order({ do: 'hush' })))
    const until = Date.now() + SETTLE_MS
    let found = await this.#found()
    while (found.lost + found.queued > 0 && Date.now() < until) {
      await pause(500)
      found = await this.#found()
    }
    for (const name of STEADY) {
      const again = this.#ledger.announcedAgain(name)
      if (again > 0) this.#faults.push(`${again} texts were announced to ${name} again`)
    }
    return {
      ...found,
      ms: this.#ms,
      samples: this.#samples,
      churn: this.#churn,
      faults: this.#faults,
    }
  }

  async stop(): Promise<void> {
    const all = [...this.#people.values(), ...this.#strangers, this.#spare, this.#box]
    await Promise.all(all.map((one) => one.end()))
  }

  get #friends(): readonly string[] {
    return [...this.#people.keys()].filter((name) => !STEADY.includes(name))
  }

  async #again(name: string, work: (below: (limit: number) => number) => Promise<void>) {
    const below = this.#init.below(name)
    while (!this.#over.signal.aborted) await work(below)
  }

  async #measure(): Promise<void> {
    for (const one of [...STEADY.map((name) => this.#of(name)), this.#box]) {
      const sample = await one.measure()
      this.#samples.set(one.name, [...(this.#samples.get(one.name) ?? []), sample])
      this.#init.onSample?.(one.name, sample)
    }
    await this.#pause(this.#init.sampleMs)
  }

  /** A friend stops and comes back, or freezes for a while: then it seems to be there. */
  async #come(person: SoakedProcess, below: (limit: number) => number): Promise<void> {
    const { churnMs } = this.#init
    if (!(await this.#pause(churnMs / 2 + below(churnMs)))) return
    const away = below(churnMs)
    if (below(3) === 0) {
      person.tell({ do: 'freeze', ms: away })
      this.#churn.freezes++
      await this.#pause(away)
      return
    }
    await person.stop()
    await this.#pause(away)
    await person.start()
    this.#chat(person.name)
    this.#churn.restarts++
  }

  async #restartMailbox(below: (limit: number) => number): Promise<void> {
    const { churnMs } = this.#init
    if (!(await this.#pause(2 * churnMs + below(4 * churnMs)))) return
    await this.#spare.stop()
    await this.#pause(below(churnMs))
    await this.#spare.start()
    this.#churn.mailboxRestarts++
  }

  /** Somebody new becomes a contact of one of the two, both write, and the newcomer leaves for good. */
  async #meet(below: (limit: number) => number): Promise<void> {
    const { churnMs } = this.#init
    if (!(await this.#pause(2 * churnMs + below(4 * churnMs)))) return
    const host = this.#of(STEADY[below(STEADY.length)] ?? '')
    const stranger = this.#person(`stranger${this.#churn.strangers++}`, undefined)
    this.#strangers.add(stranger)
    await stranger.start()
    await this.#befriend(host, stranger)
    await this.#say(stranger, host)
    await this.#say(host, stranger)
    await stranger.stop()
    this.#strangers.delete(stranger)
  }

  async #say(from: SoakedProcess, to: SoakedProcess): Promise<void> {
    const texts = [0, 1, 2].map((serial) => `${prefixOf(from.name, to.name, 0)}${serial}`)
    await from.order({ do: 'say', to: to.name, texts })
  }

  async #befriend(one: SoakedProcess, other: SoakedProcess): Promise<void> {
    await one.order({ do: 'befriend', link: other.link, name: other.name })
    await other.order({ do: 'befriend', link: one.link, name: one.name })
    this.#known.push([one.name, other.name], [other.name, one.name])
  }

  #chat(name: string): void {
    this.#lives++
    for (const [one, other, usual] of this.#pairs) {
      const every = usual / this.#init.pace
      if (one !== name && other !== name) continue
      const to = one === name ? other : one
      this.#of(name).tell({ do: 'chat', to, prefix: prefixOf(name, to, this.#lives), every })
    }
  }

  async #found(): Promise<SoakCount & { readonly queued: number }> {
    const histories = new Map<string, readonly string[]>()
    let queued = 0
    for (const [name, person] of this.#people) {
      const texts: string[] = []
      for (const [one, other] of this.#known) {
        if (one !== name) continue
        const { history } = await person.report(other)
        texts.push(...history.flatMap((text) => (text.startsWith('in ') ? [text.slice(3)] : [])))
      }
      histories.set(name, texts)
      queued += (await person.measure()).queued
    }
    return { ...this.#ledger.count(histories), queued }
  }

  #mailbox(name: string): SoakedProcess {
    const order = { do: 'mailbox', dir: join(this.#folder, name), listen: LISTEN } as const
    return new SoakedProcess(this.#folder, name, order, (told) => this.#hear(name, told))
  }

  #person(name: string, mailbox: string | undefined): SoakedProcess {
    const dir = join(this.#folder, name)
    const bootstrap = [this.#box.address]
    const order = {
      ...({ do: 'node', dir, name, listen: LISTEN, bootstrap, reads: true } as const),
      ...(mailbox === undefined ? {} : { mailbox }),
    }
    return new SoakedProcess(this.#folder, name, order, (told) => this.#hear(name, told))
  }

  #of(name: string): SoakedProcess {
    const person = this.#people.get(name)
    if (person === undefined) throw new Error(`nobody is called ${name}`)
    return person
  }

  #hear(name: string, told: Told): void {
    if ('accepted' in told) this.#ledger.accept(told.accepted)
    if ('shown' in told) this.#ledger.show(told.shown)
    if (!('up' in told)) return
    if (told.recovery !== null) this.#faults.push(`${name} says: ${told.recovery.reason}`)
    if (told.damaged > 0) this.#faults.push(`${name} has ${told.damaged} damaged records`)
  }

  /** False when it is over. */
  async #pause(ms: number): Promise<boolean> {
    await pause(ms, this.#over.signal)
    return !this.#over.signal.aborted
  }
}

/** Resolves at once when the signal is aborted. */
async function pause(ms: number, signal?: AbortSignal): Promise<void> {
  await setTimeout(ms, undefined, { signal }).catch((cause: unknown) => {
    if (signal?.aborted !== true) throw cause
  })
}
