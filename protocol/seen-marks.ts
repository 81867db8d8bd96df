// Which bytes were opened at which position, for clone detection: a used position that comes again
// with other bytes proves that the sender runs twice or was rolled back. Replays are refused by the
// ratchet's counters, not by these marks.

import { equalBytes } from './bytes.ts'
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

/** Marks of the positions `number` to `number + 31` of one chain; `number` is a multiple of 32. */
export interface MarkBlock extends Position {
  readonly kind: 'marks'
  /** Bit i stands for position `number + i`. */
  readonly present: number
  /** 16 bytes for each bit set, in rising order. */
  readonly digests: Uint8Array
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
  const offset = countBelow(block.present, bit) * MARK_BYTES
  return block.digests.subarray(offset, offset + MARK_BYTES)
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
  const present = (1 << (at.number - start.number)) >>> 0
  const changed: MarkBlock = { kind: 'marks', ...start, present, digests: mark }
  const all = blocks.toSpliced(index, 0, changed)
  if (all.length <= MAX_MARK_BLOCKS) return { blocks: all, changed, evicted: undefined }
  return { blocks: all.slice(1), changed, evicted: all[0] }
}

/** How many marks a block holds. */
export function markCount(block: MarkBlock): number {
  return countBelow(block.present, MARKS_PER_BLOCK)
}

function blockStart({ chain, number }: Position): Position {
  return { chain, number: number - (number % MARKS_PER_BLOCK) }
}

function isBlockOf(block: MarkBlock, at: Position): boolean {
  return comparePositions(block, blockStart(at)) === 0
}

function extendBlock(block: MarkBlock, bit: number, mark: Uint8Array): MarkBlock {
  const offset = countBelow(block.present, bit) * MARK_BYTES
  const digests = new Uint8Array(block.digests.length + MARK_BYTES)
  digests.set(block.digests)
  if (offset < block.digests.length) digests.copyWithin(offset + MARK_BYTES, offset)
  digests.set(mark, offset)
  return { ...block, present: (block.present | (1 << bit)) >>> 0, digests }
}

/** Number of bits set below `bit` (0 to 32). */
function countBelow(bits: number, bit: number): number {
  let rest = bit === 32 ? bits >>> 0 : (bits & ((1 << bit) - 1)) >>> 0
  let count = 0
  while (rest !== 0) {
    rest = (rest & (rest - 1)) >>> 0
    count += 1
  }
  return count
}
