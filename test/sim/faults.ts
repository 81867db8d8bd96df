// What can go wrong in a run, and how often it did.

export const FAULTS = [
  'cut',
  'partition',
  'stall',
  'half-open',
  'delay',
  'crash',
  'silent crash',
  'crash in a call',
  'power failure',
  'unsynced writes lost',
  'disk full',
  'disk broken',
  'fsync fails',
  'session damaged',
  'store restored',
  'folder restored',
  'backup restored',
  'mailbox crash',
  'mailbox restored',
  'clock jump',
  'clocks apart',
  'dht forgets',
  'dht holds back',
  'dht answers with the old',
  'dht answers with garbage',
  'dht answers with the foreign',
  'mailbox drops',
  'mailbox holds',
  'mailbox replays',
  'mailbox misdelivers',
  'mailbox swaps queues',
  'mailbox reorders',
  'mailbox hands out a key twice',
] as const

export type Fault = (typeof FAULTS)[number]

export type FaultCounts = Readonly<Record<Fault, number>>

/** Counts of several runs together. */
export function addFaults(a: FaultCounts, b: FaultCounts): FaultCounts {
  return countsOf((fault) => a[fault] + b[fault])
}

export function countsOf(count: (fault: Fault) => number): FaultCounts {
  return Object.fromEntries(FAULTS.map((fault) => [fault, count(fault)])) as FaultCounts
}

export const NO_FAULTS: FaultCounts = countsOf(() => 0)

/** The faults of one run. */
export class FaultLog {
  readonly #counts = new Map<Fault, number>()

  happened(fault: Fault): void {
    this.#counts.set(fault, (this.#counts.get(fault) ?? 0) + 1)
  }

  get counts(): FaultCounts {
    return countsOf((fault) => this.#counts.get(fault) ?? 0)
  }
}
