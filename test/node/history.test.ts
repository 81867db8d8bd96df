import { beforeEach, describe, expect, test } from 'vitest'
import fc from 'fast-check'
import { history } from '../../node/history.ts'
import type { HistoryEntry } from '../../node/api.ts'
import { keys } from '../../node/keys.ts'
import { encodeMessage, type StoredMessage } from '../../node/message.ts'
import { createMessageId, type CounterRange } from '../../protocol/content.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { Records } from '../../net/records.ts'
import { faultyStore } from '../support/faulty-store.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const CONTACT = 'c_1'

function lineOf(entry: HistoryEntry): string {
  if (entry.kind === 'text') return entry.text
  if (entry.kind === 'gap') return `gap ${entry.from}-${entry.to}`
  return `damaged ${entry.direction} ${entry.counter}`
}
const random = seededRandom('history')

type Fields = Pick<StoredMessage, 'counter'> & Partial<StoredMessage>

let seq = 0

function message(outgoing: boolean, fields: Fields): StoredMessage {
  const { counter } = fields
  return {
    id: createMessageId(random),
    outgoing,
    seq: ++seq,
    seen: 0,
    sentAt: 1,
    recordedAt: 1,
    text: `${outgoing ? 'ours' : 'theirs'} ${counter}`,
    late: false,
    states: [{ state: outgoing ? 'queued' : 'delivered', at: 1 }],
    protection: undefined,
    ...fields,
  }
}

const ours = (fields: Fields): StoredMessage => message(true, fields)
const theirs = (fields: Fields): StoredMessage => message(false, fields)

describe('history', () => {
  let records: Records

  beforeEach(async () => {
    await ready
    seq = 0
    const { store } = await faultyStore()
    const dataKey = importSecret('DataKey', new Uint8Array(32).fill(1))
    records = new Records({ store, dataKey, clock: new ManualClock(), random })
  })

  async function store(messages: readonly StoredMessage[], contact = CONTACT): Promise<void> {
    await records.commit(
      messages.map((one) => ({
        type: 'put',
        key: one.outgoing
          ? keys.sentMessage(contact, one.counter)
          : keys.receivedMessage(contact, one.counter, one.id),
        value: encodeMessage(one),
      })),
    )
  }

  async function listed(
    current = (one: StoredMessage): StoredMessage => one,
  ): Promise<readonly string[]> {
    const entries = await list(current)
    return entries.map((entry) => lineOf(entry))
  }

  async function list(
    current = (one: StoredMessage): StoredMessage => one,
    gaps: readonly CounterRange[] = [],
  ): Promise<readonly HistoryEntry[]> {
    const entries: HistoryEntry[] = []
    for await (const entry of history(records, { id: CONTACT, current, contact: { gaps } })) {
      entries.push(entry)
    }
    return entries
  }

  test('an answer stands behind what its writer had seen, whatever came first', async () => {
    await store([
      theirs({ counter: 1 }),
      ours({ counter: 1, seen: 1 }),
      ours({ counter: 2, seen: 1 }),
      theirs({ counter: 2, seen: 1 }),
      theirs({ counter: 3, seen: 2 }),
      ours({ counter: 3, seen: 1 }),
    ])
    expect(await listed()).toEqual([
      'theirs 1',
      'ours 1',
      'ours 2',
      'theirs 2',
      'theirs 3',
      'ours 3',
    ])
  })

  test('what is missing is an entry of its own until it comes', async () => {
    await store([theirs({ counter: 2 }), theirs({ counter: 6 })])
    expect(await listed()).toEqual(['gap 1-1', 'theirs 2', 'gap 3-5', 'theirs 6'])
    await store([theirs({ counter: 4, late: true })])
    expect(await listed()).toEqual([
      'gap 1-1',
      'theirs 2',
      'gap 3-3',
      'theirs 4',
      'gap 5-5',
      'theirs 6',
    ])
    await store([1, 3, 5].map((counter) => theirs({ counter, late: true })))
    expect(await listed()).toEqual([1, 2, 3, 4, 5, 6].map((counter) => `theirs ${counter}`))
  })

  test('a gap says what of it is asked for and what is given up', async () => {
    await store([theirs({ counter: 4 }), theirs({ counter: 12 })])
    const asked = [
      { first: 2, last: 3 },
      { first: 5, last: 6 },
      { first: 9, last: 9 },
    ]
    const entries = await list((one) => one, asked)
    expect(
      entries.flatMap((entry) =>
        entry.kind === 'gap' ? [[entry.from, entry.to, entry.state]] : [],
      ),
    ).toEqual([
      [1, 1, 'lost'],
      [2, 3, 'open'],
      [5, 6, 'open'],
      [7, 8, 'lost'],
      [9, 9, 'open'],
      [10, 11, 'lost'],
    ])
  })

  test('two messages under one counter are both shown, and make no gap', async () => {
    await store([
      theirs({ counter: 1, text: 'one' }),
      theirs({ counter: 1, text: 'another' }),
      theirs({ counter: 2 }),
    ])
    expect((await listed()).toSorted()).toEqual(['another', 'one', 'theirs 2'])
  })

  test('the largest counter there can be is still listed', async () => {
    await store([theirs({ counter: Number.MAX_SAFE_INTEGER })])
    expect(await listed()).toEqual([
      `gap 1-${Number.MAX_SAFE_INTEGER - 1}`,
      `theirs ${Number.MAX_SAFE_INTEGER}`,
    ])
  })

  test('other contacts stand elsewhere', async () => {
    await store([theirs({ counter: 1 })], 'c_10')
    expect(await listed()).toEqual([])
  })

  test('a state that is not written yet is shown', async () => {
    await store([ours({ counter: 1 })])
    const newer = (one: StoredMessage): StoredMessage => ({ ...one, text: 'newer' })
    expect(await listed(newer)).toEqual(['newer'])
  })

  test('a reader that stops in the middle leaves no iterator open', async () => {
    const opened: { closed: boolean }[] = []
    const { store: level } = await faultyStore()
    const iterator = level.iterator.bind(level) as (options: object) => { close(): Promise<void> }
    Object.defineProperty(level, 'iterator', {
      value: (options: object) => {
        const made = iterator(options)
        const mark = { closed: false }
        opened.push(mark)
        const close = made.close.bind(made)
        made.close = () => {
          mark.closed = true
          return close()
        }
        return made
      },
    })
    const dataKey = importSecret('DataKey', new Uint8Array(32).fill(1))
    records = new Records({ store: level, dataKey, clock: new ManualClock(), random })
    await store([ours({ counter: 1 }), theirs({ counter: 1 }), theirs({ counter: 2 })])
    const current = (one: StoredMessage): StoredMessage => one
    for await (const entry of history(records, { id: CONTACT, current, contact: { gaps: [] } })) {
      expect(entry.kind).toBe('text')
      break
    }
    expect(opened).toEqual([{ closed: true }, { closed: true }])
  })

  test('each side stands in its own order, gaps fill all that is missing', async () => {
    const side = fc.uniqueArray(fc.integer({ min: 1, max: 12 }), { maxLength: 12 })
    const seen = fc.integer({ min: 0, max: 12 })
    await fc.assert(
      fc.asyncProperty(side, side, fc.array(seen, { maxLength: 30 }), async (mine, yours, saw) => {
        const { store: level } = await faultyStore()
        const dataKey = importSecret('DataKey', new Uint8Array(32).fill(1))
        records = new Records({ store: level, dataKey, clock: new ManualClock(), random })
        const all = [
          ...mine.map((counter) => ours({ counter, seen: saw[counter] ?? 0 })),
          ...yours.map((counter) => theirs({ counter, seen: saw[counter + 12] ?? 0 })),
        ]
        await store(all)
        const lines = await listed()
        const of = (prefix: string): readonly string[] =>
          lines.filter((line) => line.startsWith(prefix))
        const sorted = (numbers: readonly number[]): readonly number[] =>
          numbers.toSorted((a, b) => a - b)
        expect(of('ours')).toEqual(sorted(mine).map((counter) => `ours ${counter}`))
        expect(of('theirs')).toEqual(sorted(yours).map((counter) => `theirs ${counter}`))
        const last = Math.max(0, ...yours)
        const missing = of('gap').flatMap((line) => {
          const [from = 0, to = 0] = line.slice(4).split('-').map(Number)
          return Array.from({ length: to - from + 1 }, (_, at) => from + at)
        })
        expect(sorted([...yours, ...missing])).toEqual(
          Array.from({ length: last }, (_, at) => at + 1),
        )
      }),
      { numRuns: 100 },
    )
  })
})
