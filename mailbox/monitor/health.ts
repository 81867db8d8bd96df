// Checks of a running mailbox, done again and again, so that whoever asks costs nothing and gets an answer at once.

import type { Clock, Timer } from '../../net/ports.ts'

export interface Check {
  readonly name: string
  /** Without it no mail can be taken. */
  readonly isVital: boolean
  /** What is wrong, in words without addresses or names; undefined when nothing is. May reject, which is wrong too. */
  readonly problem: () => Promise<string | undefined>
}

export interface CheckResult {
  readonly name: string
  readonly ok: boolean
  readonly vital: boolean
  readonly problem?: string
  /** Since it was looked at. */
  readonly ageMs: number
}

export interface HealthInit {
  readonly checks: readonly Check[]
  readonly clock: Clock
  /** For ages. */
  readonly now: () => number
  /** Told when a check begins to fail, or succeeds again. */
  readonly onChange: (name: string, problem: string | undefined) => void
}

const EVERY_MS = 5000

/** A check that takes longer fails. */
const PATIENCE_MS = 3000

/** Nobody has looked for so long: whatever was found then says nothing. */
const STALE_MS = 30_000

interface Found {
  readonly problem: string | undefined
  readonly at: number
}

/** stopped --start--> looking --stop--> stopped */
export class Health {
  readonly #init: HealthInit
  readonly #found = new Map<string, Found>()
  #timer: Timer | undefined
  #looking: Promise<void> | undefined
  #running = false

  constructor(init: HealthInit) {
    this.#init = init
  }

  /** Resolves when all has been looked at once. */
  async start(): Promise<void> {
    this.#running = true
    await this.#round()
  }

  async stop(): Promise<void> {
    this.#running = false
    this.#timer?.cancel()
    await this.#looking
  }

  get results(): readonly CheckResult[] {
    const now = this.#init.now()
    return this.#init.checks.map(({ name, isVital: vital }) => {
      const found = this.#found.get(name)
      const ageMs = found === undefined ? 0 : Math.round(now - found.at)
      const problem = found === undefined || ageMs > STALE_MS ? 'was not looked at' : found.problem
      const base = { name, ok: problem === undefined, vital, ageMs }
      return problem === undefined ? base : { ...base, problem }
    })
  }

  get isReady(): boolean {
    return this.#running && this.results.every(({ ok, vital }) => ok || !vital)
  }

  async #round(): Promise<void> {
    this.#looking = Promise.all(this.#init.checks.map((check) => this.#look(check))).then(() => {
      if (this.#running) this.#timer = this.#init.clock.after(EVERY_MS, () => void this.#round())
    })
    await this.#looking
  }

  async #look({ name, problem: look }: Check): Promise<void> {
    const problem = await this.#inTime(look().catch(() => 'cannot be checked'))
    const before = this.#found.get(name)
    this.#found.set(name, { problem, at: this.#init.now() })
    if (before?.problem !== problem && (before !== undefined || problem !== undefined))
      this.#init.onChange(name, problem)
  }

  async #inTime(looking: Promise<string | undefined>): Promise<string | undefined> {
    const late = Promise.withResolvers<string>()
    const timer = this.#init.clock.after(PATIENCE_MS, () => late.resolve('takes too long'))
    try {
      return await Promise.race([looking, late.promise])
    } finally {
      timer.cancel()
    }
  }
}
