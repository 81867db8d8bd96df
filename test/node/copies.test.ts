// A message is left with several mailboxes of its recipient, and kept until the recipient's own proof.
import { afterEach, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { verifyCustody } from '../../protocol/receipt.ts'
import { accountKey } from '../../protocol/account.ts'
import type { OutboxEntry } from '../../node/outbox.ts'
import { received, texts } from '../support/chat-world.ts'
import { MailboxPeople, MINUTE, SECOND } from '../support/mailbox-people.ts'

let people: MailboxPeople

afterEach(async () => {
  await people.stop()
})

/** What waits at ada for bob. */
function outbox(): readonly OutboxEntry[] {
  return [...(people.ada.core.book.byAccount(people.bob.account.key)?.outbox.values() ?? [])]
}

/** Mailboxes that hold the oldest entry by their own word. */
function holders(): readonly string[] {
  return (outbox()[0]?.held ?? []).map(({ mailbox }) => toHex(mailbox)).sort()
}

function accounts(...indexes: readonly number[]): readonly string[] {
  return indexes.map((index) => toHex(people.at(index).account.key)).sort()
}

/** Names under which mail was left, by mailbox. */
function depositors(): ReadonlyMap<string, ReadonlySet<string>> {
  const names = new Map<string, Set<string>>()
  for (const { mailbox, visitor, what } of people.asked) {
    if (what === 'deposit') names.set(mailbox, (names.get(mailbox) ?? new Set()).add(visitor))
  }
  return names
}

test('an envelope is left with two of three mailboxes, under a name for each, and comes once', async () => {
  people = await MailboxPeople.meet('two of three', 3)
  people.away()
  const id = await people.send('twice')
  await people.clock.advance(10 * SECOND)
  expect(await people.state(id)).toBe('stored')
  expect((await people.waiting()).reduce((sum, count) => sum + count, 0)).toBe(2)
  expect(holders()).toHaveLength(2)
  const names = [...depositors().values()]
  expect(names.map((one) => one.size)).toEqual([1, 1])
  expect(new Set(names.flatMap((one) => [...one])).size).toBe(2)
  await people.back()
  await people.clock.advance(MINUTE)
  expect(await people.state(id)).toBe('delivered')
  expect(await texts(people.bob, people.ada)).toEqual(['hello', 'hello, ada', 'twice'])
  expect((await received(people.bob)).filter(({ text }) => text === 'twice')).toHaveLength(1)
  expect(await people.waiting()).toEqual([0, 0, 0])
})

test('each receipt is kept as its mailbox has signed it', async () => {
  people = await MailboxPeople.meet('receipts', 2)
  people.away()
  await people.send('signed for')
  await people.clock.advance(10 * SECOND)
  const [entry] = outbox()
  expect(holders()).toEqual(accounts(0, 1))
  for (const { mailbox, receipt, keptUntil, counter } of entry?.held ?? []) {
    const envelope = entry?.envelope ?? new Uint8Array(0)
    const custody = verifyCustody(receipt, {
      mailbox: accountKey(mailbox),
      owner: people.bob.account.key,
      envelopeDigest: envelopeDigest(envelope),
    })
    expect(custody.keptUntil).toBe(keptUntil)
    expect(counter).toBe(2)
  }
})

test('the first receipt is enough to be stored; the other mailbox gets its copy when it is back', async () => {
  people = await MailboxPeople.meet('later', 2)
  people.away()
  people.cut(1, true)
  const id = await people.send('half')
  await people.clock.advance(10 * SECOND)
  expect(await people.state(id)).toBe('stored')
  expect(holders()).toEqual(accounts(0))
  people.cut(1, false)
  await people.clock.advance(5 * MINUTE)
  expect(holders()).toEqual(accounts(0, 1))
  expect(await people.waiting()).toEqual([1, 1])
})

test('a mailbox that does not answer does not hold up the first copy', async () => {
  people = await MailboxPeople.meet('silent', 2)
  people.away()
  people.atMailbox = ({ to }) => (to === people.at(0).peer ? 'swallow' : 'deliver')
  const id = await people.send('at once')
  await people.clock.advance(2 * SECOND)
  expect(await people.state(id)).toBe('stored')
  expect(holders()).toEqual(accounts(1))
})

test('a mailbox that is gone is not asked all the time for further copies', async () => {
  people = await MailboxPeople.meet('gone', 2)
  people.away()
  let refused = 0
  people.atMailbox = ({ to }, { body }) => {
    if (to !== people.at(1).peer || body.case !== 'deposit') return 'deliver'
    refused++
    return 'cut'
  }
  for (let i = 0; i < 20; i++) await people.send(`text ${i}`)
  await people.clock.advance(30 * MINUTE)
  expect(refused).toBeGreaterThan(2)
  expect(refused).toBeLessThan(20 * 15)
  expect((await people.waiting())[0]).toBe(20)
})

test('after a restart only the copies that are missing are made', async () => {
  people = await MailboxPeople.meet('restart', 3)
  people.away()
  people.cut(1, true)
  people.cut(2, true)
  await people.send('one so far')
  await people.clock.advance(10 * SECOND)
  expect(holders()).toEqual(accounts(0))
  await people.world.restart(people.ada)
  people.asked.length = 0
  people.cut(1, false)
  await people.clock.advance(10 * MINUTE)
  expect(holders()).toEqual(accounts(0, 1))
  expect([...depositors().keys()]).toEqual([people.at(1).peer])
  expect(await people.waiting()).toEqual([1, 1, 0])
})

test('a message is left once where that is wanted, and everywhere where that is', async () => {
  people = await MailboxPeople.meet('once', 3, { copies: 1 })
  people.away()
  await people.send('once')
  await people.clock.advance(5 * MINUTE)
  expect((await people.waiting()).reduce((sum, count) => sum + count, 0)).toBe(1)
  await people.stop()
  people = await MailboxPeople.meet('everywhere', 3, { copies: 4 })
  people.away()
  await people.send('everywhere')
  await people.clock.advance(5 * MINUTE)
  expect(await people.waiting()).toEqual([1, 1, 1])
})

test('a mailbox that drops what it has signed for loses nothing while another keeps its word', async () => {
  people = await MailboxPeople.meet('drops', 2)
  people.away()
  const ids = [await people.send('one'), await people.send('two')]
  await people.clock.advance(10 * SECOND)
  await people.at(0).store.clear?.()
  people.cut(0, true)
  await people.back()
  await people.clock.advance(2 * MINUTE)
  for (const id of ids) expect(await people.state(id)).toBe('delivered')
  expect(await texts(people.bob, people.ada)).toEqual(['hello', 'hello, ada', 'one', 'two'])
})

test('a mailbox that hands everything over again and again changes nothing', async () => {
  people = await MailboxPeople.meet('replays', 2)
  people.away()
  await people.send('once only')
  await people.clock.advance(10 * SECOND)
  // It never hears that its copy may go, and so brings it with every connection.
  people.atMailbox = ({ to }, { body }) =>
    to === people.at(0).peer && body.case === 'acknowledge' ? 'cut' : 'deliver'
  await people.back()
  await people.clock.advance(20 * MINUTE)
  people.atMailbox = () => 'deliver'
  expect(await texts(people.bob, people.ada)).toEqual(['hello', 'hello, ada', 'once only'])
  expect((await received(people.bob)).filter(({ text }) => text === 'once only')).toHaveLength(1)
  await people.clock.advance(10 * MINUTE)
  expect(await people.waiting()).toEqual([0, 0])
})
