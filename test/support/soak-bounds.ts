// What may grow in an hour of chat, and by how much.
import { flatness, type Flatness } from './flatness.ts'
import type { Sample } from './soaked-process.ts'

const MIB = 2 ** 20

/** The figures that must be flat. Nothing may be kept in memory per message: what grows with the history is on the disk. */
export function flatnessOf(samples: readonly Sample[]): readonly Flatness[] {
  const series = (name: keyof typeof BOUNDS): Flatness =>
    flatness({ name, values: samples.map((sample) => sample[name]), bound: BOUNDS[name] })
  return [
    series('heap'),
    series('external'),
    series('anonymous'),
    series('descriptors'),
    series('threads'),
    series('resources'),
  ]
}

const BOUNDS = {
  /** After a collection of garbage. Noise is some 100 KiB; a new contact and compiled code take some; a text kept for each message would be 10 MiB. */
  heap: 3 * MIB,
  /** Buffers that wait to be collected: between 10 and 14 MiB at any moment. */
  external: 4 * MIB,
  /** LevelDB has caches and buffers of some MiB, and what a compaction needed comes back to the system late: it grows in steps of 25 MiB until it has met its most. */
  anonymous: 48 * MIB,
  /** A friend or a stranger more who is connected, a table that LevelDB compacts. */
  descriptors: 8,
  threads: 2,
  resources: 12,
} as const

/** Messages that a process had to do with between the two sixths that are compared, and bytes of heap that each has left behind. */
export function perMessage(samples: readonly Sample[]): {
  readonly messages: number
  readonly bytes: number
} {
  const moved = samples.map(({ counts }) => counts.sent + counts.received)
  const counted = flatness({ name: 'messages', values: moved, bound: 0 })
  const heap = flatness({ name: 'heap', values: samples.map((one) => one.heap), bound: 0 })
  const messages = counted.late - counted.early
  return { messages, bytes: messages === 0 ? 0 : (heap.late - heap.early) / messages }
}
