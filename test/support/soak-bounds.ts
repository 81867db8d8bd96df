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
    series('code'),
    series('external'),
    series('native'),
    series('anonymous'),
    series('descriptors'),
    series('threads'),
    series('resources'),
  ]
}

const BOUNDS = {
  /**
   * Objects, after a collection of garbage. Some 100 KiB come and go; a contact takes 30 KiB, and up to 400 header keys that it may still write with 80 KiB more; the
   * texts of an hour alone would be 5 MiB.
   */
  heap: 1.5 * MIB,
  /** V8 compiles for an hour what is rarely run. */
  code: 4 * MIB,
  /** The DHT of libp2p remembers 20 peers that were close to us, and each as a part of a buffer of 64 KiB. Other buffers wait to be collected. */
  external: 4 * MIB,
  /** Of libc, LevelDB and libuv. LevelDB has caches and buffers of 4 and 8 MiB, which fill up in their time. */
  native: 16 * MIB,
  /** With the pages of V8's heap. It takes more for young objects in steps of 25 MiB until it has its most, and keeps them. */
  anonymous: 64 * MIB,
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
