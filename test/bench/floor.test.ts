/** The floor of the ratchet benchmark must cost what the job cannot do without: neither more nor less. */
import { afterAll, describe, expect, test } from 'vitest'
import { measureFloor, type Floor } from '../../bench/ratchet/floor.ts'
import { printable, talkedBothWays } from '../../bench/ratchet/jobs.ts'
import { sottoSubject } from '../../bench/ratchet/sotto.ts'
import { primitives, ready, useProvider } from '../../protocol/provider.ts'

afterAll(() => useProvider('chosen'))

describe.each(['wasm', 'chosen'] as const)('with the primitives %s', (provider) => {
  const [name, under] =
    provider === 'wasm' ? (['floor-wasm', 'sotto-wasm'] as const) : (['floor', 'sotto'] as const)

  test('a set-up', async () => {
    const prepared = await sottoSubject(under).prepare()
    const job = await callsOf(() => prepared.setUp(printable(32)))
    expectAlike(await floorCalls(name, (floor) => floor.setUp(), 200), job)
  })

  test('a message in one direction', async () => {
    const { ours, theirs } = await talkedBothWays(sottoSubject(under))
    await theirs.decrypt(ours.encrypt(printable(32)))
    const job = await callsOf(() => theirs.decrypt(ours.encrypt(printable(32))))
    expectAlike(await floorCalls(name, (floor) => floor.oneWay(32), 10_000), job)
  })

  test('a message that answers another', async () => {
    const { ours, theirs } = await talkedBothWays(sottoSubject(under))
    const job = await callsOf(() => ours.decrypt(theirs.encrypt(printable(32))))
    expectAlike(await floorCalls(name, (floor) => floor.pingPong(), 2_000), job)
  })
})

type Calls = Readonly<Record<string, { readonly calls: number; readonly bytes: number }>>

/** The same calls, over as many bytes: a few of a header more or less cost nothing. */
function expectAlike(floor: Calls, job: Calls): void {
  expect(callsIn(floor)).toEqual(callsIn(job))
  for (const [name, { bytes }] of Object.entries(job)) {
    expect(Math.abs((floor[name]?.bytes ?? 0) / bytes - 1), name).toBeLessThan(0.1)
  }
}

/** Of one of so many times that the floor does the job. */
async function floorCalls(
  name: 'floor' | 'floor-wasm',
  job: (floor: Floor) => unknown,
  times: number,
): Promise<Calls> {
  const floor = await measureFloor(name)
  const calls = await callsOf(() => job(floor))
  return Object.fromEntries(
    Object.entries(calls).map(([primitive, sum]) => [
      primitive,
      { calls: sum.calls / times, bytes: sum.bytes / times },
    ]),
  )
}

/** How often each primitive was called, and what it was given in all. */
async function callsOf(work: () => unknown): Promise<Calls> {
  await ready
  const provider = primitives()
  const before = { ...provider }
  const sums = new Map<string, { calls: number; bytes: number }>()
  for (const [name, call] of Object.entries(before)) {
    const counted = (...given: readonly unknown[]): unknown => {
      const sum = sums.get(name) ?? { calls: 0, bytes: 0 }
      sums.set(name, { calls: sum.calls + 1, bytes: sum.bytes + bytesOf(given) })
      return Reflect.apply(call, provider, given)
    }
    Object.assign(provider, { [name]: counted })
  }
  try {
    await work()
  } finally {
    Object.assign(provider, before)
  }
  return Object.fromEntries(sums)
}

function bytesOf(given: unknown): number {
  if (given instanceof Uint8Array) return given.length
  if (!Array.isArray(given)) return 0
  return given.reduce((sum: number, part) => sum + bytesOf(part), 0)
}

function callsIn(all: Calls): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(all).map(([name, { calls }]) => [name, calls]))
}
