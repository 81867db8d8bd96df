// What was said with one contact, as a list. Each sender's messages stand in that sender's counter order, whatever order they
// arrived in; between the two sides, each message stands behind what its sender had seen. Clocks are asked last.

import type { Records } from '../net/records.ts'
import type { CounterRange } from '../protocol/content.ts'
import type { ContactId, Gap, HistoryEntry } from './api.ts'
import { Damages } from './damage.ts'
import { keys } from './keys.ts'
import { decodeMessage, publicMessage, type StoredMessage } from './message.ts'

/** What a conversation knows that a read of the store may not show yet. */
export interface HistoryOf {
  readonly id: ContactId
  readonly current: (message: StoredMessage) => StoredMessage
  /** What the contact is asked for, rising. */
  readonly contact: { readonly gaps: readonly CounterRange[] }
}

export interface HistoryOptions {
  /** Told of damaged messages. @default nobody */
  readonly damages?: Damages
  /** Ends it: it rejects with the reason. */
  readonly signal?: AbortSignal | undefined
}

/** The conversation from its beginning, with an entry for every run of messages known to be missing. */
export async function* history(
  records: Records,
  of: HistoryOf,
  { damages = new Damages(), signal }: HistoryOptions = {},
): AsyncGenerator<HistoryEntry, void, undefined> {
  signal?.throwIfAborted()
  const { id: contact, current } = of
  let expected = 1
  for await (const { outgoing, counter, message } of merged(records, contact, damages)) {
    signal?.throwIfAborted()
    if (!outgoing) {
      if (counter > expected) yield* gapsIn(of, { first: expected, last: counter - 1 })
      expected = Math.max(expected, counter + 1)
    }
    if (message !== undefined) {
      yield publicMessage(contact, outgoing ? current(message) : message)
    } else yield { kind: 'damaged', contact, direction: outgoing ? 'out' : 'in', counter }
  }
}

/** What the order goes by; of a damaged message, what its neighbour and its name say. */
interface Listed extends Pick<StoredMessage, 'outgoing' | 'counter' | 'seen' | 'seq'> {
  /** Undefined when it is damaged. */
  readonly message: StoredMessage | undefined
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
  damages: Damages,
): AsyncGenerator<Listed, void, undefined> {
  const ours = side(records, keys.sent(contact), true, damages)
  const theirs = side(records, keys.received(contact), false, damages)
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
  outgoing: boolean,
  damages: Damages,
): AsyncGenerator<Listed, void, undefined> {
  let last: Pick<Listed, 'seen' | 'seq'> = { seen: 0, seq: 0 }
  const met: string[] = []
  const damaged = (key: string): void => {
    met.push(key)
    damages.note({ what: 'message', key })
  }
  const between = (): readonly Listed[] =>
    met.splice(0).map((key) => {
      const counter = counterIn(key, prefix)
      return { ...last, outgoing, counter, message: undefined }
    })
  for await (const { value } of records.range(prefix, { damaged })) {
    yield* between()
    const message = decodeMessage(value)
    const { counter, seen, seq } = message
    last = { seen, seq }
    yield { ...last, outgoing, counter, message }
  }
  yield* between()
}

/** The counter in the name of a message. */
function counterIn(key: string, prefix: string): number {
  return Number.parseInt(key.slice(prefix.length).split('/')[0] ?? '', 16)
}

/** Whether our message stands before theirs: they had seen it, or we had not seen theirs and wrote earlier. */
function before(ours: Listed, theirs: Listed): boolean {
  if (ours.seen >= theirs.counter) return false
  if (theirs.seen >= ours.counter) return true
  return ours.seq < theirs.seq
}
