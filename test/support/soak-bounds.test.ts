import { expect, test } from 'vitest'
import { flatnessOf, perMessage } from './soak-bounds.ts'
import type { Sample } from './soaked-process.ts'

const FLAT: Sample = {
  ...{ heap: 30e6, code: 1e7, external: 10e6, resident: 2e8, anonymous: 1e8, native: 5e7 },
  ...{ descriptors: 40, threads: 11, resources: 20, late: 0, queued: 0 },
  counts: { sent: 0, received: 0, direct: 0, mailbox: 0 },
}

/** An hour in which 36 000 messages were sent, and 36 000 came. */
function hour(grown: (messages: number) => Partial<Sample>): readonly Sample[] {
  return Array.from({ length: 360 }, (_, at) => {
    const counts = { ...FLAT.counts, sent: at * 100, received: at * 100 }
    return { ...FLAT, counts, ...grown(at * 200) }
  })
}

function growing(samples: readonly Sample[]): readonly string[] {
  return flatnessOf(samples).flatMap(({ name, isFlat }) => (isFlat ? [] : [name]))
}

test('what stays as it is does not grow', () => {
  expect(growing(hour(() => ({})))).toEqual([])
})

test('a hundred bytes kept for each message are found, and told', () => {
  const samples = hour((messages) => ({ heap: FLAT.heap + 100 * messages }))
  expect(growing(samples)).toEqual(['heap'])
  expect(perMessage(samples)).toEqual({ messages: 48_000, bytes: 100 })
})

test('a descriptor, a thread or a timer that stays now and then is found', () => {
  for (const name of ['descriptors', 'threads', 'resources'] as const) {
    const leak = (messages: number) => ({ [name]: FLAT[name] + Math.floor(messages / 3_000) })
    expect(growing(hour(leak))).toEqual([name])
  }
})

test('a kilobyte outside of the heap for each message is found', () => {
  for (const name of ['external', 'native'] as const) {
    const samples = hour((messages) => ({ [name]: FLAT[name] + 1_100 * messages }))
    expect(growing(samples)).toEqual([name])
  }
})
