// How much memory and disk a mailbox will want. Its constants were measured by `npm run -s bench -- capacity`, and rounded up.

const MIB = 1024 * 1024
const DAY_SECONDS = 86_400

/** Resident, of a mailbox that nobody uses, and what LevelDB gathers in one that is used much. */
const BASE_BYTES = 200 * MIB
/** Resident, of an owner who is connected and waits. */
const CONNECTION_BYTES = 0.25 * MIB
/** On disk, of an envelope besides itself, while all of it is in the log of LevelDB still; later it is less. */
const MESSAGE_BYTES = 640
/** LevelDB writes anew what it sorts, and lets go of the old afterwards. */
const AMPLIFICATION = 2
/** How much more than on average comes in the busiest second of a day; an assumption. */
const PEAK = 10

export interface PlanInit {
  readonly members: number
  /** That each of them gets in a day. */
  readonly messagesPerDay: number
  readonly averageBytes: number
  /** Share of the time that a member is away, from 0 to 1. */
  readonly offline: number
  /** For how long at a time, in days. */
  readonly days: number
}

export interface Plan {
  readonly memoryBytes: number
  readonly connections: number
  /** Envelopes that wait. */
  readonly waiting: number
  readonly diskBytes: number
  readonly depositsPerSecond: number
}

/** All mail of those who are away goes through the mailbox, none of the others. */
export function planFor({ members, messagesPerDay, averageBytes, offline, days }: PlanInit): Plan {
  const connections = Math.ceil(members * (1 - offline))
  const deposits = members * messagesPerDay * offline
  const waiting = Math.ceil(deposits * days)
  return {
    memoryBytes: BASE_BYTES + connections * CONNECTION_BYTES,
    connections,
    waiting,
    diskBytes: Math.ceil(waiting * (averageBytes + MESSAGE_BYTES) * AMPLIFICATION),
    depositsPerSecond: (PEAK * deposits) / DAY_SECONDS,
  }
}
