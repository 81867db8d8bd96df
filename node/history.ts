// What was said with one contact, as a list. Each sender's messages stand in that sender's counter order, whatever order they
// arrived in; between the two sides, each message stands behind what its sender had seen. Clocks are asked last.

import type { Records } from '../net/records.ts'
import type { CounterRange } from '../protocol/content.ts'
import type { ContactId, Gap, HistoryEntry } from './api.ts'
import { keys } from './keys.ts'
import { decodeMessage, publicMessage, type StoredMessage } from './message.ts'

/** What a conversation knows that a read of the store may not show yet. */
export interface HistoryOf {
  readonly id: ContactId
  readonly current: (message: StoredMessage) => StoredMessage
  /** What the contact is asked for, rising. */
  readonly contact: { readonly gaps: readonly CounterRange[] }
}

/** The conversation from its beginning, with an entry for every run of messages known to be missing. */
export async function* history(
  records: Records,
  of: HistoryOf,
): AsyncGenerator<HistoryEntry, void, undefined> {
  const { id: contact, current } = of
  let expected = 1
  for await (const message of merged(records, contact)) {
    if (!message.outgoing) {
      if (message.counter > expected) {
        yield* gapsIn(of, { first: expected, last: message.counter - 1 })
      }
      expected = Math.max(expected, message.counter + 1)
    }
    yield publicMessage(contact, message.outgoing ? current(message) : message)
  }
}

/** A run that is missing, in parts: those that are asked for, and those that are not any more. */
function* gapsIn({ id: contact, contact: { gaps } }: HistoryOf, run: CounterRange): Iterable<Gap> {
  let from = run.first
  for (const gap of gaps) {
    const [first, last] = [Math.max(gap.first, from), Math.min(gap.last, run.last)]
    if (first > last) continue
    if (first > from) yield { kind: 'gap', contact, from, to: first - 1, state: 'lost' }
    yield { kind: 'gap', contact, from: first, to: last, state: 'open' }
    from = last + 1
  }
  if (from <= run.last) yield { kind: 'gap', contact, from, to: run.last, state: 'lost' }
}

async function* merged(
  records: Records,
  contact: ContactId,
): AsyncGenerator<StoredMessage, void, undefined> {
  const ours = side(records, keys.sent(contact))
  const theirs = side(records, keys.received(contact))
  try {
    let [mine, yours] = [await ours.next(), await theirs.next()]
    while (mine.done !== true || yours.done !== true) {
      if (mine.done !== true && (yours.done === true || before(mine.value, yours.value))) {
        yield mine.value
        mine = await ours.next()
      } else if (yours.done !== true) {
        yield yours.value
        yours = await theirs.next()
      }
    }
  } finally {
    await ours.return() // a reader that stops in the middle leaves no iterator open
    await theirs.return()
  }
}

async function* side(
  records: Records,
  prefix: string,
): AsyncGenerator<StoredMessage, void, undefined> {
  for await (const { value } of records.range(prefix)) yield decodeMessage(value)
}

/** Whether our message stands before theirs: they had seen it, or we had not seen theirs and wrote earlier. */
function before(ours: StoredMessage, theirs: StoredMessage): boolean {
  if (ours.seen >= theirs.counter) return false
  if (theirs.seen >= ours.counter) return true
  return ours.seq < theirs.seq
}
