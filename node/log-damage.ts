// Damage that no conversation tells of goes into the event log by itself; what is met in our own records during the start is
// gathered until there is a log to write to, as nobody listens yet.

import type { Clock } from '../net/ports.ts'
import type { Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { DamageKind } from './api.ts'
import type { EventLog } from './event-log.ts'

/** What damage was, and how often. */
interface Counted {
  readonly what: DamageKind
  readonly count: number
}

export interface LogDamageInit {
  readonly events: EventLog
  readonly records: Records
}

/** Writes an event about damage that is of no contact we know. A store that refuses costs the event; `status.damaged` shows it. */
export async function logDamage(
  { events, records }: LogDamageInit,
  at: number,
  damage: Counted,
): Promise<void> {
  try {
    while (events.stale) await events.recover()
    const { seq, operation } = events.append({ at, type: 'node.damaged', contact: '', damage })
    await records.commit([operation])
    events.written(seq)
  } catch (cause) {
    if (!(cause instanceof StoreError)) throw cause
  }
}

/** Kinds of records that belong to no conversation. The others are logged where they are mended. */
const OF_OUR_OWN: readonly DamageKind[] = [
  ...(['device', 'prekey', 'bundle', 'mailbox', 'clock', 'other'] as const),
]

/** Damage that was met and not told of yet. */
export class UntoldDamage {
  readonly #counts = new Map<DamageKind, number>()

  note(what: DamageKind): void {
    if (OF_OUR_OWN.includes(what)) this.#counts.set(what, (this.#counts.get(what) ?? 0) + 1)
  }

  /** Never rejects for a store that refuses. */
  async log(init: LogDamageInit, clock: Clock): Promise<void> {
    const counts = [...this.#counts]
    this.#counts.clear()
    for (const [what, count] of counts) await logDamage(init, clock.now(), { what, count })
  }
}
