import { expect, test } from 'vitest'
import { HandshakeLimits, type Origin } from '../../node/handshake-limits.ts'
import { ManualClock } from '../support/manual-clock.ts'

function stranger(account: number, address = '/ip4/10.0.0.1/tcp/1'): Origin {
  return { lane: 'stranger', account: String(account), address }
}

/** How many of so many attempts are allowed. */
function taken(limits: HandshakeLimits, attempts: number, origin: (at: number) => Origin): number {
  let count = 0
  for (let at = 0; at < attempts; at++) if (limits.take(origin(at))) count++
  return count
}

test('strangers are limited by account, by address and in all', () => {
  const limits = new HandshakeLimits(new ManualClock())
  expect(taken(limits, 500, () => stranger(1))).toBe(10)
  expect(taken(limits, 500, (at) => stranger(at, `/ip4/10.0.0.1/tcp/${at + 1}`))).toBe(40)
  expect(taken(limits, 500, (at) => stranger(at, `/ip4/10.0.1.${at % 250}/tcp/1`))).toBe(50)
})

test('what is refused uses up nothing', () => {
  const limits = new HandshakeLimits(new ManualClock())
  taken(limits, 50, (at) => stranger(at))
  // Refused for its address; from another one, the account has all that it may.
  expect(taken(limits, 20, () => stranger(99))).toBe(0)
  expect(taken(limits, 20, () => stranger(99, '/ip4/10.0.0.2/tcp/1'))).toBe(10)
})

test('asking uses up nothing', () => {
  const limits = new HandshakeLimits(new ManualClock())
  for (let i = 0; i < 50; i++) expect(limits.allows(stranger(1))).toBe(true)
  expect(taken(limits, 20, () => stranger(1))).toBe(10)
  expect(limits.allows(stranger(1))).toBe(false)
})

test('contacts, strangers, tokens and mailboxes take nothing from each other', () => {
  const limits = new HandshakeLimits(new ManualClock())
  const contact = (account: number): Origin => ({ lane: 'contact', account: String(account) })
  const mailbox = (name: number): Origin => ({ lane: 'mailbox', mailbox: String(name) })
  expect(taken(limits, 1000, (at) => stranger(at, `/ip4/10.0.${at % 200}.1/tcp/1`))).toBe(100)
  expect(taken(limits, 20, () => contact(1))).toBe(10)
  expect(taken(limits, 1000, contact)).toBe(90)
  expect(taken(limits, 500, () => mailbox(1))).toBe(100)
  expect(taken(limits, 500, mailbox)).toBe(100)
  const token = (slot: number): Origin => ({ lane: 'token', mailbox: 'one', slot })
  expect(taken(limits, 20, () => token(1))).toBe(10)
  expect(taken(limits, 1000, (at) => token(at + 1))).toBe(90)
})

test('budgets grow again with time', async () => {
  const clock = new ManualClock()
  const limits = new HandshakeLimits(clock)
  taken(limits, 1000, (at) => stranger(at, `/ip4/10.0.${at % 200}.1/tcp/1`))
  expect(limits.allows(stranger(5000, '/ip4/10.1.0.1/tcp/1'))).toBe(false)
  await clock.advance(1000)
  expect(taken(limits, 100, (at) => stranger(5000 + at, '/ip4/10.1.0.1/tcp/1'))).toBe(10)
})
