import { beforeEach, expect, test } from 'vitest'
import { ONE_TIME_VALIDITY } from '../../node/lifetimes.ts'
import { PairRefill } from '../../node/pair-refill.ts'
import { testAccount } from '../support/accounts.ts'
import { seededRandom } from '../support/random.ts'
import { DAY, HOUR, OwnWorld } from './own-world.ts'
import type { AccountKey } from '../../protocol/account.ts'

const MINUTE = 60_000

let world: OwnWorld
let mailbox: AccountKey
let saved: number[]
let drained: number[]
let shelf: Uint8Array[]
let refill: PairRefill
let goodSince: number
/** Up to when what was on the shelf was void, as each upload said it. */
let voided: number[]

const upload = (signed: readonly Uint8Array[], voidUntil = 0): Promise<void> => {
  voided.push(voidUntil)
  shelf.push(...signed)
  return Promise.resolve()
}

beforeEach(async () => {
  world = await OwnWorld.start()
  mailbox = testAccount(seededRandom('mailbox')).key
  saved = []
  drained = []
  shelf = []
  voided = []
  goodSince = 0
  refill = make(0)
})

test('the first time a hundred pairs are made and sent at once, in pieces', async () => {
  const pieces: number[] = []
  const added = await refill.tend(0, (signed) => {
    pieces.push(signed.length)
    return upload(signed)
  })
  expect(added).toBe(100)
  expect(pieces).toEqual([40, 40, 20])
  expect(new Set(shelf).size).toBe(100)
  expect(saved).toEqual([world.clock.now()])
  expect(world.keys.pendingOneTimePairs(mailbox)).toEqual([])
})

test('a shelf with fifty pairs is left alone, one below is filled up', async () => {
  expect(await refill.tend(50, upload)).toBe(50)
  expect(shelf).toEqual([])
  expect(await refill.tend(49, upload)).toBe(100)
  expect(shelf).toHaveLength(51)
})

test('a drained shelf is filled at most once an hour, and not in step with the drain', async () => {
  await refill.tend(0, upload)
  const start = world.clock.now()
  const times: number[] = []
  for (let at = 0; at < DAY; at += MINUTE) {
    await world.clock.advance(MINUTE)
    if ((await refill.tend(0, upload)) > 0) times.push(world.clock.now() - start)
  }
  const gaps = times.map((time, at) => time - (times[at - 1] ?? 0))
  expect(times.length).toBeGreaterThan(15)
  expect(Math.min(...gaps)).toBeGreaterThan(HOUR)
  expect(new Set(gaps).size).toBeGreaterThan(3)
})

test('a shelf that runs low much later is filled after some minutes, not at once', async () => {
  await refill.tend(0, upload)
  await world.clock.advance(5 * HOUR)
  expect(await refill.tend(10, upload)).toBe(10)
  await world.clock.advance(10 * MINUTE)
  expect(await refill.tend(10, upload)).toBe(100)
})

test('the time of the last refill counts across restarts', async () => {
  await refill.tend(0, upload)
  const next = make(saved[0] ?? 0)
  expect(await next.tend(0, upload)).toBe(0)
  const wrong = make(world.clock.now() + 90 * DAY) // noted while the clock was ahead
  expect(await wrong.tend(0, upload)).toBe(100)
})

test('what was not acknowledged is sent again first, without making new ones', async () => {
  let calls = 0
  const failing = (signed: readonly Uint8Array[]): Promise<void> => {
    calls += 1
    return calls === 2 ? Promise.reject(new Error('gone')) : upload(signed)
  }
  await expect(refill.tend(0, failing)).rejects.toThrow('gone')
  expect(shelf).toHaveLength(40)
  expect(await refill.tend(40, upload)).toBe(100)
  expect(new Set(shelf).size).toBe(100)
  expect(saved).toHaveLength(1)
})

test('pairs that are handed out without a first message are told of, once each time the shelf gets low', async () => {
  await refill.tend(0, upload)
  expect(drained).toEqual([])
  await refill.tend(51, upload)
  expect(drained).toEqual([])
  await refill.tend(10, upload)
  await refill.tend(5, upload)
  expect(drained).toEqual([90])
  expect(shelf).toHaveLength(100) // and nothing is made because of it
  await refill.tend(60, upload)
  await refill.tend(40, upload)
  expect(drained).toEqual([90, 60])
})

test('pairs that first messages have used are not told of', async () => {
  await refill.tend(0, upload)
  for (const id of (await ids()).slice(0, 60)) {
    await world.commit(world.keys.spendOneTime(id))
    world.keys.forgetOneTime(id)
  }
  await refill.tend(0, upload)
  expect(drained).toEqual([])
})

test('a mailbox that was restored gets no pair from before, new ones when it takes them, and is not suspected', async () => {
  await refill.tend(60, upload)
  const waits = (): Promise<void> => Promise.reject(new Error('the connection is lost'))
  await expect(refill.tend(0, waits)).rejects.toThrow('lost')
  expect(world.keys.pendingOneTimePairs(mailbox)).toHaveLength(100)
  await upload(world.keys.pendingOneTimePairs(mailbox).map(({ signed }) => signed))
  const old = new Set(shelf.splice(0))
  world.keys.oneTimePairsUploaded([...(await ids())].slice(0, 60))

  await world.clock.advance(MINUTE)
  const after = world.clock.now() + 3 * HOUR
  while (world.clock.now() <= after) {
    expect(await refill.tend(0, upload, after)).toBe(0)
    await world.clock.advance(10 * MINUTE)
  }
  expect(await refill.tend(0, upload, after)).toBe(100)
  expect(shelf.filter((signed) => old.has(signed))).toEqual([])
  expect(drained).toEqual([])
})

async function ids(): Promise<readonly number[]> {
  return (await world.stored('own/pair/')).map((key) => Number.parseInt(key.slice(9), 16))
}

test('pairs are stored before they are sent', async () => {
  await refill.tend(0, async (signed) => {
    expect(await world.stored('own/pair/')).toHaveLength(100)
    await upload(signed)
  })
  expect(shelf).toHaveLength(100)
})

test('a shelf that has more than it was given is cleared of what is void, and filled at once', async () => {
  await refill.tend(0, upload)
  await world.clock.advance(MINUTE)
  await world.keys.replace() // the store has lost something
  goodSince = world.clock.now()
  await world.clock.advance(MINUTE)
  shelf = []
  expect(await refill.tend(100, upload)).toBe(100)
  expect(shelf).toHaveLength(100)
  expect(voided.slice(-4)).toEqual(Array(4).fill(goodSince - 1 + ONE_TIME_VALIDITY))
  expect(await refill.tend(100, upload)).toBe(100)
  expect(shelf).toHaveLength(100)
})

test('what another store of ours left on the shelf is void', async () => {
  goodSince = world.clock.now() - 1
  expect(await refill.tend(70, upload)).toBe(100)
  expect(voided).toEqual(Array(4).fill(goodSince - 1 + ONE_TIME_VALIDITY))
})

test('nothing is void by a time that is still to come', async () => {
  goodSince = world.clock.now() + DAY
  expect(await refill.tend(70, upload)).toBe(70)
  expect(voided).toEqual([])
})

function make(refilledAt: number): PairRefill {
  const { clock, random, keys } = world
  const save = async (at: number): Promise<void> => void saved.push(at)
  const onDrained = (unmatched: number): void => void drained.push(unmatched)
  return new PairRefill({
    ...{ clock, random, keys, mailbox, refilledAt, save, onDrained },
    goodSince: () => goodSince,
  })
}
