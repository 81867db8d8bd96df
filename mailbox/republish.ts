// Puts the bundles of owners who are away back into the DHT, where they lapse otherwise.

import { bundleKey } from '../protocol/bundle.ts'
import { SWEEP_MS } from './limits.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory } from '../net/ports.ts'
import type { Bundles } from './bundles.ts'
import type { MailboxLimits } from './limits.ts'
import type { Member, Members } from './members.ts'
import type { Presence } from './presence.ts'

/** A put that takes longer has failed. */
const PUT_MS = 60_000

export interface RepublisherInit {
  readonly directory: Directory
  readonly members: Members
  readonly bundles: Bundles
  readonly presence: Presence
  readonly clock: Clock
  readonly random: RandomBytes
  readonly limits: MailboxLimits
}

/** One put at a time. An owner who is here publishes alone. */
export class Republisher {
  readonly #init: RepublisherInit
  readonly #due = new Map<number, number>()
  #running: AbortController | undefined
  #published = 0

  constructor(init: RepublisherInit) {
    this.#init = init
  }

  /** Puts that somebody stored, since the start. */
  get published(): number {
    return this.#published
  }

  /** An owner has gone, and published until now. */
  left(member: number): void {
    this.#due.set(member, this.#later(this.#init.limits.republishMs))
  }

  /** Publishes what is due. To be called every `SWEEP_MS`; does nothing while it still runs. Never rejects. */
  async run(): Promise<void> {
    if (this.#running !== undefined) return
    const running = new AbortController()
    this.#running = running
    try {
      for (const member of [...this.#init.members.all()]) {
        if (running.signal.aborted) return
        const failed = this.#isDue(member) && !(await this.#publish(member, running.signal))
        if (failed) return
      }
    } finally {
      this.#running = undefined
    }
  }

  stop(): void {
    this.#running?.abort(new Error('stopped'))
  }

  #isDue({ number, account }: Member): boolean {
    const { clock, presence, bundles } = this.#init
    if (presence.isHere(account) || bundles.get(number) === undefined) return false
    const due = this.#due.get(number)
    // After a start nobody knows when it was published last: soon, but not all at once.
    if (due === undefined) this.#due.set(number, this.#later(SWEEP_MS))
    return due !== undefined && due <= clock.now()
  }

  /** False when nobody could be reached: then the next owner's bundle would only wait as long. */
  async #publish({ number, account }: Member, stop: AbortSignal): Promise<boolean> {
    const { directory, bundles, clock, limits } = this.#init
    const bundle = bundles.get(number)
    if (bundle === undefined) return true
    this.#due.set(number, this.#later(limits.republishMs))
    const late = new AbortController()
    const timer = clock.after(PUT_MS, () => late.abort(new Error('timed out')))
    try {
      const signal = AbortSignal.any([stop, late.signal])
      const holders = await directory.put(bundleKey(account), bundle.bytes, { signal })
      if (holders.length > 0) this.#published++
      else this.#retry(number)
      return true
    } catch {
      this.#retry(number) // the network may be back at the next round
      return false
    } finally {
      timer.cancel()
    }
  }

  #retry(member: number): void {
    this.#due.set(member, this.#init.clock.now())
  }

  /** Between a half and all of `ms` from now. */
  #later(ms: number): number {
    const [high = 0, low = 0] = this.#init.random(2)
    return this.#init.clock.now() + ms * (0.5 + (high * 256 + low) / 2 ** 17)
  }
}
