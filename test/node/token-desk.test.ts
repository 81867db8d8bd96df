// What the desk issues, in which order, and how much of it a mailbox gets; the whole way is in delivery-tokens.test.ts.
import { beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { deliveryTokenBytes, deliveryTokenHash } from '../../protocol/delivery-token.ts'
import { tokenHash } from '../../protocol/custody.ts'
import type { TokenSlot } from '../../net/mailbox-client.ts'
import { MailboxError } from '../../net/mailbox-error.ts'
import { peerName } from '../../net/peer-name.ts'
import {
  endedPrevious,
  issueToken,
  renewToken,
  slotsOf,
  toldToken,
} from '../../node/issued-tokens.ts'
import { mayTellTokens } from '../../node/compose.ts'
import { testAccount } from '../support/accounts.ts'
import { shown } from '../support/canaries.ts'
import { ChatWorld, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const DAY = 86_400_000
const NOW = 1_800_000_000_000

await ready

describe('a token', () => {
  const random = seededRandom('token')
  const { key: mailbox } = testAccount(seededRandom('mailbox'))
  const hexOf = (issued: { readonly token: Parameters<typeof deliveryTokenBytes>[0] }): string =>
    toHex(deliveryTokenBytes(issued.token))

  test('is random, as is its slot, and has to be told', () => {
    const [one, two] = [issueToken(mailbox, NOW, random), issueToken(mailbox, NOW, random)]
    expect(hexOf(one)).toHaveLength(64)
    expect(hexOf(one)).not.toBe(hexOf(two))
    expect(one.slot).not.toBe(two.slot)
    expect(one).toMatchObject({ due: true, toldAt: 0, previous: undefined })
    for (const { renewAt } of [one, two]) {
      expect(renewAt).toBeGreaterThanOrEqual(NOW + 25 * DAY)
      expect(renewAt).toBeLessThan(NOW + 35 * DAY)
    }
  })

  test('never has the slot of strangers', () => {
    const zeros = (length: number): Uint8Array => new Uint8Array(length)
    expect(issueToken(mailbox, NOW, zeros).slot).toBe(1)
  })

  test('is known to the mailbox by its hash, and shows nowhere', () => {
    const issued = issueToken(mailbox, NOW, random)
    const [slot] = slotsOf(issued)
    expect(slot).toEqual({ slot: issued.slot, hash: tokenHash(deliveryTokenBytes(issued.token)) })
    const text = shown([issued, new Error('a', { cause: issued })])
    expect(text).toContain('[DeliveryToken]')
    expect(text).not.toContain(hexOf(issued))
    expect(text).not.toContain(String(deliveryTokenBytes(issued.token)))
  })

  test('is good until a day after the next one was told', () => {
    const first = toldToken(issueToken(mailbox, NOW, random), NOW)
    const renewed = renewToken(first, NOW + DAY, random)
    expect(renewed).toMatchObject({ slot: first.slot, due: true, toldAt: 0 })
    expect(slotsOf(renewed).map(({ hash }) => toHex(hash))).toEqual(
      [renewed.token, first.token].map((token) => toHex(deliveryTokenHash(token))),
    )
    expect(endedPrevious(renewed, NOW + 300 * DAY)).toBe(renewed)
    const told = toldToken(renewed, NOW + 2 * DAY)
    expect(endedPrevious(told, NOW + 3 * DAY - 1)).toBe(told)
    expect(endedPrevious(told, NOW + 3 * DAY).previous).toBeUndefined()
    // Told again, it does not live longer.
    expect(toldToken(told, NOW + 2 * DAY + 5).previous?.until).toBe(NOW + 3 * DAY)
    // A clock that was ahead when it was told.
    expect(endedPrevious(told, NOW - 30 * DAY).previous).toBeUndefined()
  })

  test('that was never told is replaced without a trace, and the one before it stays', () => {
    const first = toldToken(issueToken(mailbox, NOW, random), NOW)
    const twice = renewToken(renewToken(first, NOW, random), NOW, random)
    expect(twice.previous?.token).toBe(first.token)
    const never = renewToken(issueToken(mailbox, NOW, random), NOW, random)
    expect(never.previous).toBeUndefined()
  })
})

describe('the list of a mailbox', () => {
  let clock: ManualClock
  let world: ChatWorld
  let bob: Person
  const mailbox = testAccount(seededRandom('list')).key

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('token desk', clock)
    bob = await world.person('bob')
  })

  async function contacts(count: number): Promise<void> {
    const before = bob.core.book.all().length
    for (let at = before; at < before + count; at++) {
      if (at % 100 === 0) await clock.advance(10)
      await bob.node.contacts.add(peerName(world.account().key), { name: `contact ${at}` })
    }
  }

  /** What was put, each time; a mailbox that keeps at most so many. */
  async function puts(most: number): Promise<readonly (readonly TokenSlot[])[]> {
    const all: (readonly TokenSlot[])[] = []
    await bob.core.tokens.bring(mailbox, (slots) => {
      all.push(slots)
      return slots.length > most ? Promise.reject(new MailboxError('ERR_QUOTA')) : Promise.resolve()
    })
    return all
  }

  test('has 1024 at most, of the contacts that are known longest', async () => {
    await contacts(1030)
    const [list = []] = await puts(1024)
    expect(list).toHaveLength(1024)
    const without = bob.core.book.all().filter(({ contact }) => contact.tokens.length === 0)
    expect(without).toHaveLength(6)
    const newest = Math.max(...bob.core.book.all().map(({ contact }) => contact.addedAt))
    for (const { contact } of without) expect(contact.addedAt).toBe(newest)
    // There is room again when one goes.
    await bob.node.contacts.block('contact 3')
    const [next = []] = await puts(1024)
    expect(next).toHaveLength(1024)
    expect(next.filter((slot) => !list.some((one) => one.slot === slot.slot))).toHaveLength(1)
  }, 120_000)

  test('is halved for a mailbox that keeps fewer, and only those are told', async () => {
    await contacts(20)
    const lists = await puts(6)
    expect(lists.map(({ length }) => length)).toEqual([20, 10, 5])
    const told = bob.core.book
      .all()
      .filter(({ contact }) => mayTellTokens(contact, bob.core.tokens))
    expect(told).toHaveLength(5)
  })

  test('is in the order of the hashes', async () => {
    await contacts(20)
    const [list = []] = await puts(1024)
    const hashes = list.map(({ hash }) => toHex(hash))
    expect(hashes).toEqual(hashes.toSorted())
    expect(list.map(({ slot }) => slot)).not.toEqual(
      bob.core.book.all().map(({ contact }) => contact.tokens[0]?.slot),
    )
  })

  test('is told to one contact after the other, and to a single one at once', async () => {
    await contacts(1)
    const told = new Map<string, number>()
    const watch = (): void => {
      for (const conversation of bob.core.book.all()) {
        conversation.tellTokens = async () => void told.set(conversation.contact.id, clock.now())
      }
    }
    watch()
    await puts(1024)
    await settle()
    expect(told.size).toBe(1)
    await contacts(30)
    watch()
    told.clear()
    const began = clock.now()
    await puts(1024)
    await settle()
    expect(told.size).toBe(0)
    await clock.advance(31 * 10_000)
    expect(told.size).toBe(31)
    const times = new Set([...told.values()].map((at) => Math.floor((at - began) / 60_000)))
    expect(times.size).toBeGreaterThan(3)
  })

  test('that is told of ends with the node', async () => {
    await contacts(5)
    let told = 0
    for (const conversation of bob.core.book.all()) {
      conversation.tellTokens = async () => void told++
    }
    await puts(1024)
    await bob.core.tokens.stop()
    await clock.advance(60 * 60_000)
    expect(told).toBe(0)
  })

  test('that the mailbox does not take is not told', async () => {
    await contacts(2)
    const refused = bob.core.tokens.bring(mailbox, () =>
      Promise.reject(new MailboxError('ERR_LATER')),
    )
    await expect(refused).rejects.toMatchObject({ code: 'ERR_LATER' })
    for (const { contact } of bob.core.book.all()) {
      expect(mayTellTokens(contact, bob.core.tokens)).toBe(false)
      expect(contact.tokens).toHaveLength(1)
    }
  })

  test('is as it was when the store refuses new tokens', async () => {
    await contacts(1)
    await puts(1024)
    await contacts(1).catch(() => undefined)
    bob.disk.fault = 'full'
    const [list = []] = await puts(1024)
    expect(list).toHaveLength(1)
    bob.disk.fault = 'none'
  })
})
