// The lock of one conversation and what every step under it is: load, run, commit, take over. Knows nothing of what a step
// says; that is conversation.ts.
//
//   draft ── run ──> sealed with event numbers ── queued ──> in the store: memory follows, spent secrets go, events are told
//                                                      └───> failed: nothing has happened; the next step reads the store again

import { wipeAll } from '../protocol/secret.ts'
import type { Operation, Records } from '../net/records.ts'
import type { Clock } from '../net/ports.ts'
import type { ConversationState } from './conversation-state.ts'
import { Draft } from './draft.ts'
import type { EventLog } from './event-log.ts'
import { wipeValues } from './own-codec.ts'

export interface StepsInit {
  readonly state: ConversationState
  readonly records: Records
  readonly events: EventLog
  readonly clock: Clock
  /** Runs when memory has followed a draft, before its events are told. */
  readonly taken: (draft: Draft) => void
  /** Runs when the store was read again: what was settled may wait again. */
  readonly reloaded: () => void
}

export class Steps {
  readonly #init: StepsInit
  #tail: Promise<unknown> = Promise.resolve()
  /** A batch failed: what is in memory may be ahead of the store, or behind it. */
  #stale = false

  constructor(init: StepsInit) {
    this.#init = init
  }

  /**
   * Runs one step under the lock. `run` sees the conversation as it is and writes into the draft; resolves after the synced
   * batch. Rejects with what `run` threw, or `StoreError`, and then nothing has changed.
   */
  run<T>(run: (draft: Draft) => T | Promise<T>): Promise<T> {
    return this.#locked(async () => {
      const draft = await this.#draft()
      return this.#disposing(draft, async () => {
        const value = await run(draft)
        await this.#commit(draft)
        return value
      })
    })
  }

  /**
   * The same without waiting for a sync, where no session changes: for what can be learnt again after a crash. Its events are
   * told after the sync all the same: their numbers would otherwise stand for something else after a power loss.
   */
  lazily(run: (draft: Draft) => Promise<void>): Promise<void> {
    return this.#locked(async () => {
      const draft = await this.#draft()
      await this.#disposing(draft, async () => {
        await run(draft)
        if (draft.sessions === this.#init.state.sessions) await this.#commitLater(draft)
        else await this.#commit(draft)
      })
    })
  }

  /** A batch failed: the next step reads the store again. */
  distrust(): void {
    this.#stale = true
  }

  /** Wipes the sessions in memory when the last step is done. A later one would read the store again. */
  async end(): Promise<void> {
    await this.#locked(() => {
      this.#stale = true
      this.#init.state.forgetSecrets()
      return Promise.resolve()
    })
  }

  #locked<T>(task: () => Promise<T>): Promise<T> {
    const result = this.#tail.then(task)
    this.#tail = result.catch(() => undefined) // the caller has the rejection
    return result
  }

  /** When the task fails, nothing has happened, and what it has made is of no use. */
  async #disposing<T>(draft: Draft, task: () => Promise<T>): Promise<T> {
    try {
      return await task()
    } catch (error) {
      this.#init.state.dispose(draft)
      throw error
    }
  }

  async #draft(): Promise<Draft> {
    const { state, clock } = this.#init
    while (this.#stale && state.persisted) await this.#reload()
    return new Draft(state.contact, state.sessions, clock.now())
  }

  /** What is queued must be in the store before it is read, and what survived of a failed batch must show. */
  async #reload(): Promise<void> {
    const { records, state, clock } = this.#init
    this.#stale = false // set again by a failure meanwhile
    try {
      await records.flush()
      await state.load(records, clock.now())
      this.#init.reloaded()
    } catch (error) {
      this.#stale = true
      throw error
    }
  }

  async #commit(draft: Draft): Promise<void> {
    const { records, events } = this.#init
    while (events.stale) await events.recover()
    const batch = this.#seal(draft)
    if (batch.operations.length > 0) {
      const committed = records.commit(batch.operations)
      wipeValues(batch.operations) // sealed by now; session states and texts are among them
      await committed
    }
    this.#take(draft)
    batch.written()
  }

  async #commitLater(draft: Draft): Promise<void> {
    const { records, events } = this.#init
    while (events.stale) await events.recover()
    const batch = this.#seal(draft)
    if (batch.operations.length > 0) {
      const written = records.soon(batch.operations)
      wipeValues(batch.operations)
      written.then(batch.written, () => undefined) // told by onFailure
    }
    this.#take(draft)
  }

  /** Everything the draft changes, with event numbers; to be queued in this same turn. */
  #seal(draft: Draft): { readonly operations: readonly Operation[]; readonly written: () => void } {
    const { state, events } = this.#init
    const operations: Operation[] = [...state.changes(draft)]
    let last = 0
    for (const pending of draft.events) {
      const { seq, operation } = events.append(pending.event)
      operations.push(operation, ...(pending.operations?.(seq) ?? []))
      last = seq
    }
    const written = (): void => {
      state.written(draft)
      events.written(last)
    }
    return { operations, written }
  }

  #take(draft: Draft): void {
    this.#init.state.take(draft)
    for (const run of draft.committed) run()
    this.#init.taken(draft)
    wipeAll(draft.spent)
  }
}
