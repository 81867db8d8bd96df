// Strangers, each under another name and over another connection, fill a box of somebody who has contacts.
import { beforeAll, expect, test } from 'vitest'
import { MailboxError } from '../../net/mailbox-client.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { tokenHash } from '../../protocol/custody.ts'
import { ready } from '../../protocol/crypto.ts'
import { Caller, LoadedMailbox, PATIENT } from '../support/loaded-mailbox.ts'
import { until } from '../support/manual-clock.ts'
import { envelope, textOf } from './world.ts'
import type { MailboxClient } from '../../net/mailbox-client.ts'

/** A thousand strangers are as many names, or ten times as many pieces of mail. */
const NAMES = process.env['SLOW'] === '1' ? 1000 : 100
const STRANGERS = 1000

/** Names that are there at a time. */
const LANES = 16

/** Of a box whose owner has tokens, docs/mailbox.md, "Delivery tokens and lanes". */
const LANE_OF_STRANGERS = 100

/** Envelopes of the contact. */
const CONTACT = 50

beforeAll(() => ready)

async function isKept(work: Promise<unknown>): Promise<boolean> {
  try {
    await work
    return true
  } catch (cause) {
    if (cause instanceof MailboxError && cause.code === 'ERR_UNAVAILABLE') return false
    throw cause
  }
}

test(`${STRANGERS} strangers fill their lane: contacts come through, nothing that was taken goes, and others have their mail`, async () => {
  const mailbox = await LoadedMailbox.start()
  const { meeting } = mailbox
  const owner = await Caller.start()
  const home = await owner.joined(meeting, () => undefined)
  const token = random(32).slice()
  await home.putTokens([{ slot: 1, hash: tokenHash(token) }], PATIENT)
  await home.close()
  const promised: string[] = []
  const leave = async (client: MailboxClient, text: string, shown?: Uint8Array): Promise<void> => {
    const to = { owner: owner.account.key, depositId: random(16), envelope: envelope(text) }
    const kept = isKept(client.deposit(shown ? { ...to, token: shown } : to, PATIENT))
    if (await kept) promised.push(text)
  }
  let name = 0
  const lane = async (): Promise<void> => {
    for (let n = name++; n < NAMES; n = name++) {
      const stranger = await Caller.start()
      const client = stranger.client(meeting)
      const each = STRANGERS / NAMES
      await Promise.all(
        Array.from({ length: each }, (_, at) => leave(client, `stranger ${n} ${at}`)),
      )
      await client.close()
      await stranger.stop()
    }
  }
  const contact = await Caller.start()
  const friend = contact.client(meeting)
  const befriend = async (): Promise<void> => {
    for (let n = 0; n < CONTACT; n++) await leave(friend, `contact ${n}`, token)
  }
  await Promise.all([befriend(), ...Array.from({ length: LANES }, lane)])

  const received: string[] = []
  const back = await owner.joined(meeting, (items) => {
    received.push(...items.map((item) => textOf(item.envelope)))
  })
  await back.fetch(PATIENT)
  await until(() => received.length >= promised.length)
  expect(received.toSorted()).toEqual(promised.toSorted())
  expect(promised.filter((text) => text.startsWith('contact'))).toHaveLength(CONTACT)
  expect(promised.filter((text) => text.startsWith('stranger'))).toHaveLength(LANE_OF_STRANGERS)
  const { waiting, accepted } = (await mailbox.weigh()).status
  expect([waiting, accepted]).toEqual([promised.length, promised.length])

  const other = await Caller.start()
  const got: string[] = []
  const next = await other.joined(meeting, (items) => {
    got.push(...items.map((item) => textOf(item.envelope)))
  })
  await next.fetch(PATIENT)
  const to = { owner: other.account.key, depositId: random(16), envelope: envelope('of another') }
  await friend.deposit(to, PATIENT)
  await until(() => got.length > 0)
  for (const client of [back, next, friend]) await client.close()
  for (const caller of [owner, other, contact]) await caller.stop()
  await mailbox.end()
}, 600_000)
