// A hundred owners fetch while mail comes in from several processes as fast as it goes: a real mailbox over TCP, LevelDB with fsync.
import { beforeAll, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { depositElsewhere } from '../support/depositor.ts'
import { Caller, LoadedMailbox, PATIENT } from '../support/loaded-mailbox.ts'
import { textOf } from './world.ts'
import type { MailboxClient } from '../../net/mailbox-client.ts'
import type { Meeting } from '../support/loaded-mailbox.ts'

const OWNERS = 100
const PROCESSES = 4
const DEPOSITS = process.env['SLOW'] === '1' ? 60_000 : 3000

/** MiB resident after it, from first to last: with the connections of a hundred owners, and what the collector keeps. */
const MAX_MEMORY = 450

beforeAll(() => ready)

/** An owner, and each envelope that came, as often as it came. */
interface Drained {
  readonly owner: Caller
  readonly client: MailboxClient
  readonly received: Map<string, number>
}

async function drained(meeting: Meeting, onSettled: (count: number) => void): Promise<Drained> {
  const owner = await Caller.start()
  const received = new Map<string, number>()
  const client = await owner.joined(meeting, (items) => {
    for (const item of items) {
      const text = textOf(item.envelope)
      received.set(text, 1 + (received.get(text) ?? 0))
    }
    const ids = items.map(({ id }) => id)
    void client.acknowledge(ids, PATIENT).then(() => onSettled(ids.length))
  })
  await client.fetch(PATIENT)
  return { owner, client, received }
}

test(`${OWNERS} owners get each of ${DEPOSITS} envelopes once while ${PROCESSES} processes leave them`, async () => {
  const mailbox = await LoadedMailbox.start()
  const everything = Promise.withResolvers<void>()
  let left = DEPOSITS
  const onSettled = (count: number): void => {
    left -= count
    if (left <= 0) everything.resolve()
  }
  const owners: Drained[] = []
  for (let n = 0; n < OWNERS; n++) owners.push(await drained(mailbox.meeting, onSettled))
  const { meeting } = mailbox
  const order = { meeting, owners: owners.map(({ owner }) => toHex(owner.account.key)) }
  const each = DEPOSITS / PROCESSES
  const names = Array.from({ length: PROCESSES }, (_, n) => `process ${n}`)
  const told = await Promise.all(
    names.map((name) => depositElsewhere({ ...order, name, count: each })),
  )
  await everything.promise
  const promised = told.flat()
  expect(promised).toHaveLength(DEPOSITS)
  const received = owners.flatMap((owner) => [...owner.received.keys()])
  expect(received.toSorted()).toEqual(promised.toSorted())
  expect(owners.flatMap((owner) => [...owner.received.values()]).every((n) => n === 1)).toBe(true)
  for (const { client } of owners) {
    expect(await client.status(PATIENT)).toMatchObject({ waiting: 0, usedBytes: 0 })
  }
  const { memory, status } = await mailbox.weigh()
  expect(status).toMatchObject({ accepted: DEPOSITS, acknowledged: DEPOSITS, waiting: 0 })
  expect(memory).toBeLessThan(MAX_MEMORY)
  for (const { client, owner } of owners) {
    await client.close()
    await owner.stop()
  }
  await mailbox.end()
}, 600_000)
