// What a receiving step changes in the records that are stored beside the session: skipped keys,
// the chains they belong to, and full blocks of seen marks. Each limit of docs/protocol.md, "Limits
// of a session", that evicts is applied here.

import type { RetiredChain, TurnState } from './ratchet.ts'
import type { Secret } from './secret.ts'
import type { MarkBlock } from './seen-marks.ts'
import { addMark } from './seen-marks.ts'
import type { Position, SkippedKey } from './skipped-keys.ts'
import {
  addSkipped,
  comparePositions,
  evictChainsBefore,
  hasSkipped,
  skippedSecrets,
} from './skipped-keys.ts'

/** Chains kept for clone detection though nothing is missing in them. */
export const MAX_IDLE_CHAINS = 40

/** Retired chains of a session; above, the oldest goes with the keys skipped in it. */
export const MAX_RETIRED_CHAINS = 400

/** A record that is stored beside its session, under `skippedKeyName`. */
export type KeptRecord = SkippedKey | RetiredChain | MarkBlock

/** What a record is named by: its kind and place. Every `KeptRecord` is one. */
export type KeptRecordId =
  | { readonly kind: 'skipped' | 'marks'; readonly chain: number; readonly number: number }
  | { readonly kind: 'chain'; readonly chain: number }

/** The lists of a state, while a step changes them. */
export type Lists = Pick<TurnState, 'retired' | 'skipped' | 'marks'>

/** Changed lists, and what that means for the records and for the secrets of the old state. */
export interface ListChange {
  readonly lists: Lists
  readonly added: readonly KeptRecord[]
  readonly removed: readonly KeptRecordId[]
  readonly spent: readonly Secret[]
}

/** What one opened message adds. */
export interface ListInput {
  readonly opened: Position
  readonly digest: Uint8Array
  readonly skipped: readonly SkippedKey[]
  /** The chain that this message ended. */
  readonly retired: RetiredChain | undefined
}

/** Applies one opened message to the lists. */
export function recordOpened(lists: Lists, input: ListInput): ListChange {
  const marked = markOpened(lists, input)
  if (input.skipped.length === 0 && input.retired === undefined) return marked

  const { kept, evicted } = addSkipped(marked.lists.skipped, input.skipped)
  const chains = input.retired === undefined ? [] : [input.retired]
  const grown = { ...marked.lists, skipped: kept, retired: [...lists.retired, ...chains] }
  const pruned = dropChains(grown)
  return {
    lists: pruned.lists,
    added: [...marked.added, ...chains, ...input.skipped],
    removed: [...marked.removed, ...evicted, ...pruned.removed],
    spent: [...skippedSecrets(evicted), ...pruned.spent],
  }
}

/** Takes keys out of the lists: one that was used, or those that were too old. */
export function removeSkipped(
  lists: Lists,
  kept: readonly SkippedKey[],
  gone: readonly SkippedKey[],
): ListChange {
  const { retired, marks } = lists
  const pruned = dropChains({ retired, marks, skipped: kept })
  return {
    lists: pruned.lists,
    added: [],
    removed: [...gone, ...pruned.removed],
    spent: [...skippedSecrets(gone), ...pruned.spent],
  }
}

/**
 * The newest block of marks is part of the session's own record, all others are records of their
 * own.
 */
function markOpened(lists: Lists, { opened, digest }: ListInput): ListChange {
  const newestBefore = lists.marks.at(-1)
  const { blocks, changed, evicted } = addMark(lists.marks, opened, digest)
  // Field by field: callers pass whole states, whose other fields must not come back.
  const { retired, skipped } = lists
  const change = { lists: { retired, skipped, marks: blocks }, spent: [] }
  if (evicted === changed) return { ...change, added: [], removed: [] }

  const removed = evicted === undefined ? [] : [evicted]
  if (changed !== blocks.at(-1)) return { ...change, added: [changed], removed }
  // A block that was newest and no longer is leaves the session's record.
  const isSame = newestBefore === undefined || comparePositions(newestBefore, changed) === 0
  return { ...change, added: isSame ? [] : [newestBefore], removed }
}

function dropChains(lists: Lists): Omit<ListChange, 'added'> {
  const beyond = lists.retired.length - MAX_IDLE_CHAINS
  if (beyond <= 0) return { lists, removed: [], spent: [] }

  const older = lists.retired.slice(0, beyond)
  const waiting = older.filter(({ chain }) => hasSkipped(lists.skipped, chain))
  const surplus = Math.max(0, waiting.length - (MAX_RETIRED_CHAINS - MAX_IDLE_CHAINS))
  const kept = waiting.slice(surplus)
  const dropped = older.filter((chain) => !kept.includes(chain))
  if (dropped.length === 0) return { lists, removed: [], spent: [] }

  const retired = [...kept, ...lists.retired.slice(beyond)]
  const skipped = evictChainsBefore(lists.skipped, retired[0]?.chain ?? 0)
  const gone = new Set(dropped.map(({ chain }) => chain))
  const marks = lists.marks.filter((block) => !gone.has(block.chain))
  const lostMarks = lists.marks.filter((block) => gone.has(block.chain))
  return {
    lists: { retired, skipped: skipped.kept, marks },
    removed: [...dropped, ...skipped.evicted, ...lostMarks],
    spent: [...dropped.flatMap(chainSecrets), ...skippedSecrets(skipped.evicted)],
  }
}

function chainSecrets({ headerKeys }: RetiredChain): readonly Secret[] {
  return [headerKeys.seal, headerKeys.tag]
}
