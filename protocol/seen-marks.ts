// Which bytes were opened at which position, for clone detection: a used position that comes again
// with other bytes proves that the sender runs twice or was rolled back. Replays are refused by the
// ratchet's counters, not by these marks.

import { concat, equalBytes } from './bytes.ts'
import type { Position } from './skipped-keys.ts'
import { comparePositions, lowerBound } from './skipped-keys.ts'

/** How many positions share a block, which is stored as one record. */
export const MARKS_PER_BLOCK = 32

/**
 * Blocks of one session: 4 096 positions in a row, four times what an honest sender has under way.
 */
export const MAX_MARK_BLOCKS = 128

/** Bytes kept of each digest. */
export const MARK_BYTES = 16

/** Positions whose marks are kept together in memory: the longest array that an engine makes cheaply has 64 bytes. */
const GROUP = 4
const GROUP_BITS = (1 << GROUP) - 1
const NO_MARKS = new Uint8Array(0)

/** Marks of the positions `number` to `number + 31` of one chain; `number` is a multiple of 32. */
export interface MarkBlock extends Position {
  readonly kind: 'marks'
  /** Bit i stands for position `number + i`. */
  readonly present: number
  /** 16 bytes for each bit set, in rising order: those of four bits in each of the eight arrays. */
  readonly digests: readonly Uint8Array[]
}

/** Blocks sorted by position, and what one change did to them. */
export interface Marked {
  readonly blocks: readonly MarkBlock[]
  /** The block that is new or has changed. */
  readonly changed: MarkBlock
  /** The oldest block, if there was no room for it any more. */
  readonly evicted: MarkBlock | undefined
}

/** What was opened at a position: 16 bytes of its envelope's digest, or nothing known. */
export function findMark(blocks: readonly MarkBlock[], at: Position): Uint8Array | undefined {
  const block = blocks[lowerBound(blocks, blockStart(at))]
  if (block === undefined || !isBlockOf(block, at)) return undefined
  const bit = at.number - block.number
  if (((block.present >>> bit) & 1) === 0) return undefined
  const offset = offsetIn(block, bit)
  return block.digests[groupOf(bit)]?.subarray(offset, offset + MARK_BYTES)
}

/** Whether the mark is of an envelope with this digest. */
export function isMarkOf(mark: Uint8Array, digest: Uint8Array): boolean {
  return equalBytes(mark, digest.subarray(0, MARK_BYTES))
}

/** Adds the mark of a position that was just opened for the first time. */
export function addMark(blocks: readonly MarkBlock[], at: Position, digest: Uint8Array): Marked {
  const start = blockStart(at)
  const index = lowerBound(blocks, start)
  const found = blocks[index]
  const mark = digest.slice(0, MARK_BYTES)
  if (found !== undefined && isBlockOf(found, at)) {
    const changed = extendBlock(found, at.number - found.number, mark)
    return { blocks: blocks.with(index, changed), changed, evicted: undefined }
  }
  const empty: MarkBlock = { kind: 'marks', ...start, present: 0, digests: NO_GROUPS }
  const changed = extendBlock(empty, at.number - start.number, mark)
  const all = blocks.toSpliced(index, 0, changed)
  if (all.length <= MAX_MARK_BLOCKS) return { blocks: all, changed, evicted: undefined }
  return { blocks: all.slice(1), changed, evicted: all[0] }
}

/** A block of its digests as one array. Undefined unless there is a digest for each bit of `present`, and no more. */
export function markBlock(
  { chain, number }: Position,
  present: number,
  digests: Uint8Array,
): MarkBlock | undefined {
  const groups: Uint8Array[] = []
  let end = 0
  for (let first = 0; first < MARKS_PER_BLOCK; first += GROUP) {
    const start = end
    end += countBits((present >>> first) & GROUP_BITS) * MARK_BYTES
    groups.push(digests.slice(start, end))
  }
  if (digests.length !== end) return undefined
  return { kind: 'marks', chain, number, present, digests: groups }
}

/** The digests of a block as one array. */
export function markDigests({ digests }: MarkBlock): Uint8Array {
  return concat(...digests)
}

function blockStart({ chain, number }: Position): Position {
  return { chain, number: number - (number % MARKS_PER_BLOCK) }
}

function isBlockOf(block: MarkBlock, at: Position): boolean {
  return comparePositions(block, blockStart(at)) === 0
}

function extendBlock(block: MarkBlock, bit: number, mark: Uint8Array): MarkBlock {
  const group = block.digests[groupOf(bit)] ?? NO_MARKS
  const offset = offsetIn(block, bit)
  const extended = new Uint8Array(group.length + MARK_BYTES)
  extended.set(group)
  extended.copyWithin(offset + MARK_BYTES, offset)
  extended.set(mark, offset)
  const present = (block.present | (1 << bit)) >>> 0
  return { ...block, present, digests: block.digests.with(groupOf(bit), extended) }
}

function groupOf(bit: number): number {
  return Math.floor(bit / GROUP)
}

/** Where the mark of a bit is in its group, or would be. */
function offsetIn({ present }: MarkBlock, bit: number): number {
  const below = (1 << (bit % GROUP)) - 1
  return countBits((present >>> (bit - (bit % GROUP))) & below) * MARK_BYTES
}

function countBits(bits: number): number {
  let count = 0
  for (let rest = bits; rest !== 0; rest &= rest - 1) count += 1
  return count
}

const NO_GROUPS = Array.from({ length: MARKS_PER_BLOCK / GROUP }, () => NO_MARKS)
