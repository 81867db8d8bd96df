// Whether the store is the one that the last run has left (docs/durability.md). A database can lose the end of its log or a part of
// it, and a folder can be put back to an older copy, or run twice: all of them agree with themselves. What was noted of the store
// elsewhere, and the chain of its batches, tell. A store that is not what it was leaves all its sessions, and says so.

import type { Clock } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import { judgeMark, type CommitMark } from '../net/commit-chain.ts'
import { Witness, type StoreFinding, type WitnessFile } from '../net/witness.ts'
import type { RecoveryReason } from './api.ts'
import { soundly } from './damage.ts'
import type { EventLog } from './event-log.ts'
import { keys } from './keys.ts'
import { decodeRecovery, encodeRecovery, type LastRecovery } from './recovery-note.ts'

/** Where the store stands, beside itself. */
export interface StoreSurroundings {
  /** What notes how far the store is; the first one lies beside it. @default none */
  readonly witnesses?: readonly WitnessFile[]
  /** Whether the database could not read all of its log. @default false */
  readonly isCut?: boolean
  /** 16 bytes that name this computer. */
  readonly host?: Uint8Array | undefined
}

export interface ContinuityInit extends StoreSurroundings {
  readonly records: Records
  readonly events: EventLog
  readonly clock: Clock
}

export class Continuity {
  readonly #init: ContinuityInit
  readonly #witness: Witness
  #finding: StoreFinding | undefined
  #highest = 0
  #isNoting = false
  #last: LastRecovery | undefined

  constructor(init: ContinuityInit) {
    this.#init = init
    const { records, clock, witnesses: files = [], isCut = false, host } = init
    this.#witness = new Witness({ files, records, isCut, clock, host })
  }

  /** The last time that all sessions were left, in this run or an earlier one. */
  get last(): LastRecovery | undefined {
    return this.#last
  }

  /** The store is not what it was, and `settle` has not come through since that was found. */
  get isOpen(): boolean {
    return this.#finding !== undefined
  }

  /** Compares, before anything is written. Returns why all sessions have to be left, or nothing. Throws what files and store throw. */
  async check(): Promise<StoreFinding | undefined> {
    this.#last = await this.#stored()
    const { finding, highest } = await this.#witness.compare()
    this.#finding = finding
    this.#highest = highest
    return finding
  }

  /**
   * Whether the store is behind a mark of it, or beside it: one of an earlier run, that somebody else has kept. `settle` follows when
   * it is and the sessions are left. Throws `StoreError`.
   */
  async hear(mark: CommitMark): Promise<StoreFinding | undefined> {
    const finding = judgeMark(await this.#init.records.continuity(), mark)
    if (finding !== undefined) this.#highest = Math.max(this.#highest, mark.number)
    this.#finding ??= finding // of another mailbox, as long as it is not settled
    return this.#finding
  }

  /** The sessions are left, or nothing was found: from here on the store is what it is. Rejects with `StoreError`. */
  async settle(): Promise<void> {
    if (this.#finding !== undefined) await this.#beginAnew(this.#finding)
    const losses = this.#finding === undefined ? 0 : 1
    this.#finding = undefined
    if (this.#isNoting) return this.#witness.count(losses)
    this.#isNoting = true
    await this.#witness.begin(losses)
  }

  /** Before the store is closed. Never rejects: what is not noted is compared less strictly. */
  async stop(): Promise<void> {
    await this.#witness.stop().catch(() => undefined)
  }

  /** The event, and a new chain: only when both are on the disk is the recovery over, and not made again. */
  async #beginAnew(reason: RecoveryReason): Promise<void> {
    const { records, events, clock } = this.#init
    const at = clock.now()
    const value = encodeRecovery({ reason, at })
    while (events.stale) await events.recover()
    const { seq, operation } = events.append({ at, type: 'node.recovery', contact: '', reason })
    await records.commit([operation, { type: 'put', key: keys.recovery, value }])
    events.written(seq)
    await records.beginChainAbove(this.#highest)
    this.#last = { reason, at }
  }

  async #stored(): Promise<LastRecovery | undefined> {
    const value = await soundly(this.#init.records, keys.recovery)
    return value === undefined || value === 'damaged' ? undefined : decodeRecovery(value)
  }
}
