import { describe, expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { flipped, ways } from './support.ts'

await ready

const both = [
  { from: 'ours', by: 'ours' },
  { from: 'ours', by: 'theirs' },
  { from: 'theirs', by: 'ours' },
  { from: 'theirs', by: 'theirs' },
] as const

describe.each(both)('messages from $from in a session by $by', ({ from, by }) => {
  test('open out of order, once each, with their texts', () => {
    const { send, receive, inbox } = ways(from, by)
    const sent = Array.from({ length: 12 }, (_, i) => send(`text ${i}`))
    const order = [7, 3, 11, 0, 1, 2, 10, 4, 9, 8, 5, 6]
    expect(order.map((i) => receive(sent[i] ?? new Uint8Array()))).toEqual(Array(12).fill('opened'))
    expect(inbox).toEqual(order.map((i) => `text ${i}`))
    expect(new Set(sent.map(receive))).toEqual(new Set(['ERR_DUPLICATE']))
  })

  test('open after the ratchet has turned over them', () => {
    const { send, receive, answer } = ways(from, by)
    const late = Array.from({ length: 9 }, () => {
      const [lost, arrives] = [send(), send()]
      expect(receive(arrives)).toBe('opened')
      expect(answer()).toBe('opened')
      return lost
    })
    const end = send() // says with PN how long the chain before was
    expect(receive(end)).toBe('opened')
    expect(late.toReversed().map(receive)).toEqual(Array(9).fill('opened'))
    expect(late.map(receive)).toEqual(Array(9).fill('ERR_DUPLICATE'))
  })

  test('lost at the end of a chain are found again when the next one has begun', () => {
    const { send, receive, answer } = ways(from, by)
    const first = send()
    const lost = [send(), send()]
    expect(receive(first)).toBe('opened')
    expect(answer()).toBe('opened')
    expect(receive(send())).toBe('opened')
    expect(lost.map(receive)).toEqual(['opened', 'opened'])
  })

  test('with any one changed bit are refused and leave the session as it was', () => {
    const { send, receive } = ways(from, by)
    const envelope = send()
    for (let bit = 0; bit < envelope.length * 8; bit += bit < 32 ? 1 : 23) {
      expect(receive(flipped(envelope, bit)), `bit ${bit}`).toBe(
        bit < 16 ? 'bytes' : 'ERR_NO_SESSION',
      )
    }
    for (const cut of [0, 1, 2, 85, 357]) expect(receive(envelope.slice(0, cut))).toBe('bytes')
    expect(receive(envelope)).toBe('opened')
  })

  test('of every size up to the largest open', () => {
    const { send, receive, inbox } = ways(from, by)
    const texts = [0, 1, 251, 252, 253, 268, 269, 1000, 20_000, 65_536].map((n) => 'x'.repeat(n))
    for (const text of texts) expect(receive(send(text))).toBe('opened')
    expect(inbox).toEqual(texts)
  })
})

test.each(['ours', 'theirs'] as const)(
  'from %s one message passes over 4 000 positions and not over 4 001',
  { timeout: 120_000 },
  (from) => {
    const near = ways(from)
    for (let i = 0; i < 4000; i += 1) near.send('')
    expect(near.receive(near.send('far'))).toBe('opened')
    const far = ways(from)
    const first = far.send('')
    for (let i = 0; i < 4000; i += 1) far.send('')
    const tooFar = far.send('')
    expect(far.receive(tooFar)).toBe('ERR_TOO_FAR_AHEAD')
    expect(far.receive(first)).toBe('opened')
    expect(far.receive(tooFar)).toBe('opened')
  },
)
