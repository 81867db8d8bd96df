import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { importSecret, ready } from '../../protocol/crypto.ts'
import type { KeptRecord, ListChange, Lists } from '../../protocol/ratchet-records.ts'
import {
  MAX_IDLE_CHAINS,
  MAX_RETIRED_CHAINS,
  recordOpened,
  removeSkipped,
} from '../../protocol/ratchet-records.ts'
import type { RetiredChain } from '../../protocol/ratchet.ts'
import type { Secret } from '../../protocol/secret.ts'
import { findMark, MARKS_PER_BLOCK, MAX_MARK_BLOCKS } from '../../protocol/seen-marks.ts'
import { skippedKeyName } from '../../protocol/session-codec.ts'
import type { SkippedKey } from '../../protocol/skipped-keys.ts'
import { withoutSkipped } from '../../protocol/skipped-keys.ts'
import { secretsIn } from '../support/secrets.ts'
import { there } from '../support/talkers.ts'

beforeAll(() => ready)

const DIGEST = new Uint8Array(32).fill(7)
const EMPTY: Lists = { retired: [], skipped: [], marks: [] }

/** Lists and a store beside them, as opened messages change both; every change is checked. */
class Receiver {
  lists = EMPTY
  chain = 0
  number = 0
  readonly store = new Map<string, KeptRecord>()

  /** The next message but `gap`, of this chain. */
  open(gap: number): void {
    const missing = keys(this.chain, this.number, this.number + gap)
    this.number += gap
    this.#record(missing, undefined)
  }

  /** The first message but `gap` of a new chain; `rest` of the one before are missing. */
  turn(rest: number, gap: number): void {
    const retired = retiredChain(this.chain, this.number + rest)
    const missing = keys(this.chain, this.number, this.number + rest)
    this.chain += 1
    this.number = gap
    this.#record([...missing, ...keys(this.chain, 0, gap)], retired)
  }

  /** A message that was passed over. */
  late(choice: number): void {
    const { skipped } = this.lists
    const key = skipped[choice % Math.max(1, skipped.length)]
    if (key === undefined) return
    const opened = { chain: key.chain, number: key.number }
    this.#take(
      recordOpened(this.lists, { opened, digest: DIGEST, skipped: [], retired: undefined }),
    )
    expectSame(findMark(this.lists.marks, opened), DIGEST.subarray(0, 16))
    this.#take(removeSkipped(this.lists, withoutSkipped(this.lists.skipped, key), [key]))
  }

  #record(skipped: readonly SkippedKey[], retired: RetiredChain | undefined): void {
    const opened = { chain: this.chain, number: this.number }
    const before = secretsIn([this.lists, skipped, retired])
    const change = recordOpened(this.lists, { opened, digest: DIGEST, skipped, retired })
    this.#take(change, before)
    expectSame(findMark(this.lists.marks, opened), DIGEST.subarray(0, 16))
    this.number += 1
  }

  #take(
    { lists, added, removed, spent }: ListChange,
    before: ReadonlySet<Secret> = secretsIn(this.lists),
  ): void {
    const after = secretsIn(lists)
    expectSame(new Set(spent), new Set([...before].filter((secret) => !after.has(secret))))
    expectSame(spent.length, new Set(spent).size)
    this.lists = lists
    const names = new Set(added.map(skippedKeyName))
    for (const record of added) this.store.set(skippedKeyName(record), record)
    for (const id of removed) {
      const name = skippedKeyName(id)
      expectSame(names.has(name), false)
      this.store.delete(name)
    }
    const kept = [...lists.retired, ...lists.skipped, ...lists.marks.slice(0, -1)]
    const expected = kept.map((record) => [skippedKeyName(record), record] as const)
    expectSame(new Map(this.store), new Map(expected))
  }
}

test('records beside a session follow its lists, and nothing else is spent than what leaves them', () => {
  const step = fc.record({
    what: fc.constantFrom('open', 'turn', 'late'),
    gap: fc.nat(2),
    choice: fc.nat(50),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 60, maxLength: 150 }), (steps) => {
      const receiver = new Receiver()
      for (const { what, gap, choice } of steps) {
        if (what === 'open') receiver.open(gap * (choice % 20))
        else if (what === 'turn') receiver.turn(choice % 2, gap)
        else receiver.late(choice)
        const { retired, skipped } = receiver.lists
        const waiting = new Set(skipped.map(({ chain }) => chain))
        const newest = receiver.chain - MAX_IDLE_CHAINS
        const chains = Array.from({ length: receiver.chain }, (_, chain) => chain)
        expect(retired.map(({ chain }) => chain)).toEqual(
          chains.filter((chain) => chain >= newest || waiting.has(chain)),
        )
      }
    }),
    { numRuns: 30, endOnFailure: true }, // a shorter history takes minutes to find
  )
})

describe('blocks of marks', () => {
  test('are records of their own once they are not the newest', () => {
    const first = opened(EMPTY, 0, 0)
    expect(first).toMatchObject({ added: [], removed: [] })
    const same = opened(first.lists, 0, MARKS_PER_BLOCK - 1)
    expect(same).toMatchObject({ added: [], removed: [] })
    const second = opened(same.lists, 0, MARKS_PER_BLOCK)
    expect(second.added).toEqual([same.lists.marks[0]])
    const late = opened(second.lists, 0, 3)
    expect(late.added).toEqual([late.lists.marks[0]])
    expect(late.removed).toEqual([])
  })

  test('leave by the oldest; one that is older than all of them does not come in', () => {
    let { lists } = opened(EMPTY, 1, 0)
    for (let block = 1; block < MAX_MARK_BLOCKS; block += 1) {
      ;({ lists } = opened(lists, 1, block * MARKS_PER_BLOCK))
    }
    const [oldest] = lists.marks
    const newer = opened(lists, 2, 0)
    expect(newer.removed).toEqual([oldest])
    expect(newer.added).toEqual([lists.marks.at(-1)])
    const between = opened(lists, 1, MAX_MARK_BLOCKS * MARKS_PER_BLOCK)
    expect(between.removed).toEqual([oldest])
    const older = opened(lists, 0, 0)
    expect(older).toMatchObject({ added: [], removed: [] })
    expect(older.lists.marks).toEqual(lists.marks)
  })
})

test('of chains that wait, the oldest leaves with its keys and marks when there are too many', () => {
  const retired = Array.from({ length: MAX_RETIRED_CHAINS }, (_, chain) => retiredChain(chain, 9))
  const skipped = retired.flatMap(({ chain }) => keys(chain, 0, 2))
  const { marks } = opened(opened(EMPTY, 0, 2).lists, 1, 2).lists
  const full = { retired, skipped, marks }
  const ended = retiredChain(MAX_RETIRED_CHAINS, 1)
  const input = { opened: { chain: ended.chain + 1, number: 0 }, digest: DIGEST, skipped: [] }
  const { lists, removed, spent } = recordOpened(full, { ...input, retired: ended })
  expect(lists.retired).toEqual([...retired.slice(1), ended])
  expect(lists.skipped).toEqual(skipped.slice(2))
  expect(lists.marks.map(({ chain }) => chain)).toEqual([1, ended.chain + 1])
  expect(removed).toEqual([retired[0], ...skipped.slice(0, 2), marks[0]])
  expect(new Set(spent)).toEqual(secretsIn(removed))
  // Up to that number, nothing leaves.
  const last = there(retired.at(-1))
  const one = { ...full, retired: retired.slice(0, -1) }
  expect(recordOpened(one, { ...input, retired: last }).removed).toEqual([])
})

function opened(lists: Lists, chain: number, number: number): ListChange {
  const at = { chain, number }
  return recordOpened(lists, { opened: at, digest: DIGEST, skipped: [], retired: undefined })
}

function retiredChain(chain: number, length: number): RetiredChain {
  const bytes = (): Uint8Array => new Uint8Array(32)
  const seal = importSecret('HeaderKey', bytes())
  const tag = importSecret('TagKey', bytes())
  return { kind: 'chain', chain, headerKeys: { seal, tag }, length }
}

function keys(chain: number, from: number, to: number): readonly SkippedKey[] {
  return Array.from({ length: to - from }, (_, index) => {
    const at = { kind: 'skipped', chain, number: from + index, epoch: 0, skippedAt: 0 } as const
    const bodyKey = importSecret('BodyKey', new Uint8Array(32))
    const nextBodyKey = index % 2 === 0 ? undefined : importSecret('BodyKey', new Uint8Array(32))
    return { ...at, bodyKey, nextBodyKey }
  })
}

function expectSame(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected)
}
