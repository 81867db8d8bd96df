import { expect, test } from 'vitest'
import fc from 'fast-check'
import type { DeliveryState } from '../../node/api.ts'
import { createMessageId } from '../../protocol/content.ts'
import {
  advance,
  decodeMessage,
  encodeMessage,
  reached,
  stateOf,
  type StoredMessage,
} from '../../node/message.ts'
import { seededRandom } from '../support/random.ts'

const STATES: readonly DeliveryState[] = ['queued', 'stored', 'delivered', 'read', 'failed']
const state = fc.constantFrom(...STATES)

function message(...states: readonly DeliveryState[]): StoredMessage {
  return {
    id: createMessageId(seededRandom('message')),
    outgoing: true,
    seq: 1,
    counter: 1,
    seen: 0,
    sentAt: 1,
    recordedAt: 2,
    text: 'hello',
    late: false,
    states: states.map((name, at) => ({ state: name, at })),
    protection: undefined,
  }
}

test('states move forward only, and failed and read are the end', () => {
  const moves = STATES.flatMap((from) =>
    STATES.filter((to) => advance(message(from), { state: to, at: 1 }) !== undefined).map(
      (to) => `${from} ${to}`,
    ),
  )
  expect(moves).toEqual([
    'queued stored',
    'queued delivered',
    'queued read',
    'queued failed',
    'stored delivered',
    'stored read',
    'stored failed',
    'delivered read',
  ])
})

test('every change keeps its time, and the newest is the state', () => {
  fc.assert(
    fc.property(fc.array(state, { maxLength: 8 }), (changes) => {
      let now = message('queued')
      for (const [at, to] of changes.entries()) {
        const next = advance(now, { state: to, at: at + 10 })
        if (next === undefined) continue
        expect(next.states.slice(0, -1)).toEqual(now.states)
        expect(next.states.at(-1)).toEqual({ state: to, at: at + 10 })
        expect(stateOf(next)).toBe(to)
        now = next
      }
    }),
  )
})

test('a state keeps the promises of those before it; failed keeps none', () => {
  expect(STATES.map((is) => STATES.slice(0, 4).map((wanted) => reached(is, wanted)))).toEqual([
    [true, false, false, false],
    [true, true, false, false],
    [true, true, true, false],
    [true, true, true, true],
    [false, false, false, false],
  ])
})

test('a message is stored with all that was said and done', () => {
  fc.assert(
    fc.property(
      fc.record({
        outgoing: fc.boolean(),
        seq: fc.maxSafeNat(),
        counter: fc.maxSafeNat(),
        seen: fc.maxSafeNat(),
        sentAt: fc.maxSafeNat(),
        recordedAt: fc.maxSafeNat(),
        text: fc.string({ unit: 'binary' }),
        late: fc.boolean(),
        states: fc.array(
          fc.record(
            {
              state,
              at: fc.maxSafeNat(),
              path: fc.constantFrom('direct' as const, 'mailbox' as const),
              keptUntil: fc.integer({ min: 1 }),
              reason: fc.constantFrom('expired' as const, 'rejected' as const),
            },
            { requiredKeys: ['state', 'at'] },
          ),
          { minLength: 1, maxLength: 5 },
        ),
      }),
      (fields) => {
        const stored: StoredMessage = { ...message('queued'), ...fields }
        expect(decodeMessage(encodeMessage(stored))).toEqual(stored)
      },
    ),
  )
})
