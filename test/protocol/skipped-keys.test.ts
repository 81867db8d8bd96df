import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { importSecret, ready } from '../../protocol/crypto.ts'
import type { MarkBlock } from '../../protocol/seen-marks.ts'
import {
  MARKS_PER_BLOCK,
  MAX_MARK_BLOCKS,
  addMark,
  findMark,
  isMarkOf,
  MARK_BYTES,
  markBlock,
  markDigests,
} from '../../protocol/seen-marks.ts'
import type { Position, SkippedKey } from '../../protocol/skipped-keys.ts'
import {
  MAX_SKIPPED_KEYS,
  addSkipped,
  evictChainsBefore,
  expireSkipped,
  findSkipped,
  hasSkipped,
  redateSkipped,
  replaceSkipped,
  skippedBodyKey,
  skippedSecrets,
  withoutSkipped,
} from '../../protocol/skipped-keys.ts'
import { there } from '../support/talkers.ts'

beforeAll(() => ready)

describe('skipped keys', () => {
  test('are found where they are, and nowhere else', () => {
    const list = [...keys(0, 3, 8), ...keys(2, 0, 2), ...keys(7, 100, 101)]
    for (const key of list) expect(findSkipped(list, key)).toBe(key)
    for (const [chain, number] of [
      [0, 2],
      [0, 8],
      [1, 0],
      [2, 2],
      [7, 99],
      [8, 0],
    ] as const) {
      expect(findSkipped(list, { chain, number })).toBeUndefined()
    }
    expect([0, 1, 2, 3, 7, 8].filter((chain) => hasSkipped(list, chain))).toEqual([0, 2, 7])
  })

  test('leave one by one, and the list they were in stays', () => {
    const list = keys(0, 0, 5)
    const second = there(list[1])
    expect(withoutSkipped(list, second).map(({ number }) => number)).toEqual([0, 2, 3, 4])
    expect(list).toHaveLength(5)
  })

  test('make room for newer ones, the oldest first', () => {
    const list = keys(0, 0, MAX_SKIPPED_KEYS - 1)
    const { kept, evicted } = addSkipped(list, keys(1, 0, 3))
    expect(kept).toHaveLength(MAX_SKIPPED_KEYS)
    expect(evicted).toEqual(list.slice(0, 2))
    expect(addSkipped(list, [])).toEqual({ kept: list, evicted: [] })
  })

  test('leave with their chains, and by age', () => {
    const list = [...keys(0, 0, 2, 10), ...keys(3, 0, 2, 20)]
    expect(evictChainsBefore(list, 3)).toEqual({ kept: list.slice(2), evicted: list.slice(0, 2) })
    expect(expireSkipped(list, 11).evicted).toEqual(list.slice(0, 2))
    expect(expireSkipped(list, 10).evicted).toEqual([])
    expect(expireSkipped(list, 21).kept).toEqual([])
  })

  test('leave each by its own age, whatever the clock did between them', () => {
    const list = [...keys(0, 0, 2, 99), ...keys(3, 0, 2, 10), ...keys(4, 0, 1, 30)]
    const old = list.slice(2, 4)
    expect(expireSkipped(list, 20)).toEqual({ kept: list.toSpliced(2, 2), evicted: old })
  })

  test('that were dated ahead are dated again', () => {
    const list = [...keys(0, 0, 2, 99), ...keys(3, 0, 2, 10)]
    const changed = redateSkipped(list, 40)
    expect(changed.map(({ chain, skippedAt }) => [chain, skippedAt])).toEqual([
      [0, 40],
      [0, 40],
    ])
    expect(changed[1]?.bodyKey).toBe(list[1]?.bodyKey)
    expect(replaceSkipped(list, changed)).toEqual([...changed, ...list.slice(2)])
    expect(redateSkipped(list, 99)).toEqual([])
  })
})

test('a list of skipped keys that loses nothing is not copied', () => {
  const list = keys(1, 0, 3, 10)
  expect(addSkipped(list, []).kept).toBe(list)
  expect(evictChainsBefore(list, 1).kept).toBe(list)
  expect(expireSkipped(list, 10).kept).toBe(list)
})

test('a skipped key opens what names its epoch, and the next one if that had been named', () => {
  const [bodyKey, nextBodyKey] = [1, 2].map((byte) =>
    importSecret('BodyKey', new Uint8Array(32).fill(byte)),
  )
  const at = { kind: 'skipped', chain: 0, number: 0, epoch: 4, skippedAt: 0 } as const
  const one = { ...at, bodyKey: there(bodyKey), nextBodyKey: undefined }
  const both = { ...one, nextBodyKey }
  expect([3, 4, 5, 6].map((epoch) => skippedBodyKey(both, epoch))).toEqual([
    undefined,
    bodyKey,
    nextBodyKey,
    undefined,
  ])
  expect(skippedBodyKey(one, 5)).toBeUndefined()
  expect(skippedSecrets([one, both])).toEqual([bodyKey, bodyKey, nextBodyKey])
})

describe('seen marks', () => {
  test('are found at every position that was marked, with its own digest', () => {
    const positions = fc.uniqueArray(fc.record({ chain: fc.nat(3), number: fc.nat(200) }), {
      selector: ({ chain, number }) => `${chain} ${number}`,
      maxLength: 120,
    })
    fc.assert(
      fc.property(positions, (marked) => {
        let blocks: readonly MarkBlock[] = []
        for (const at of marked) blocks = addMark(blocks, at, digestOf(at)).blocks
        for (const at of marked) {
          const mark = findMark(blocks, at)
          expect(mark !== undefined && isMarkOf(mark, digestOf(at))).toBe(true)
        }
        const total = blocks.reduce((sum, block) => sum + markDigests(block).length, 0)
        expect(total).toBe(marked.length * MARK_BYTES)
        for (const block of blocks) {
          expect(markBlock(block, block.present, markDigests(block))).toEqual(block)
        }
        expect(findMark(blocks, { chain: 4, number: 0 })).toBeUndefined()
        expect(findMark(blocks, { chain: 0, number: 201 })).toBeUndefined()
      }),
    )
  })

  test('leave by the block, the oldest first, and are copied', () => {
    let blocks: readonly MarkBlock[] = []
    const digest = new Uint8Array(32).fill(1)
    for (let i = 0; i < MAX_MARK_BLOCKS; i += 1) {
      blocks = addMark(blocks, { chain: 1, number: i * MARKS_PER_BLOCK }, digest).blocks
    }
    const [oldest] = blocks
    const newer = addMark(blocks, { chain: 2, number: 5 }, digest)
    expect(newer.evicted).toBe(oldest)
    expect(newer.blocks).toHaveLength(MAX_MARK_BLOCKS)
    // One from before all others has no room.
    const older = addMark(blocks, { chain: 0, number: 0 }, digest)
    expect(older.evicted).toBe(older.changed)
    expect(older.blocks).toEqual(blocks)
    digest.fill(2)
    const mark = findMark(newer.blocks, { chain: 2, number: 5 })
    expect(mark).toEqual(new Uint8Array(16).fill(1))
  })
})

function keys(chain: number, from: number, to: number, skippedAt = 0): readonly SkippedKey[] {
  const bodyKey = importSecret('BodyKey', new Uint8Array(32))
  return Array.from({ length: to - from }, (_, index) => {
    const at = { kind: 'skipped', chain, number: from + index, epoch: 0 } as const
    return { ...at, bodyKey, nextBodyKey: undefined, skippedAt }
  })
}

function digestOf({ chain, number }: Position): Uint8Array {
  return new Uint8Array(32).fill((chain * 201 + number) % 251)
}
