/** Many owners of one mailbox: those who are away and have mail, or those who are there and wait for it. */
import { platformRandom as random } from '../../net/platform/random.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { generateSecret, ready } from '../../protocol/crypto.ts'
import { takeOrders } from '../orders.ts'
import { joined, patient } from './meeting.ts'
import { ENVELOPE_BYTES } from './orders.ts'
import { ownerWire } from './owner-wire.ts'
import type { Account } from '../../protocol/account.ts'
import type { Meeting } from './meeting.ts'
import type { OwnersOrder } from './orders.ts'

/** Of them at a time. */
const LANES = 16

takeOrders(async (order: OwnersOrder): Promise<void> => {
  await ready
  const meeting = JSON.parse(order.meeting) as Meeting
  const owners = Array.from({ length: order.owners }, () =>
    accountFromSeed(generateSecret('AccountSeed', 32, random)),
  )
  if ('envelopes' in order) await fill(meeting, owners, order.envelopes)
  else await wait(meeting, owners)
})

/** Each joins and goes, and then has so many envelopes. */
async function fill(
  meeting: Meeting,
  owners: readonly Account[],
  envelopes: number,
): Promise<void> {
  await inLanes(owners, async (owner) => {
    const { wire, stop } = await ownerWire(owner)
    const client = await joined(meeting, { wire, owner })
    await client.close()
    await stop()
  })
  const [first] = owners
  if (first === undefined) return
  const { wire, stop } = await ownerWire(first)
  const client = await joined(meeting, { wire, owner: first })
  await inLanes(owners, async ({ key: owner }) => {
    for (let count = 0; count < envelopes; count++) {
      const envelope = random(ENVELOPE_BYTES)
      envelope.set([1, 1])
      await client.deposit({ owner, depositId: random(16), envelope }, patient)
    }
  })
  await client.close()
  await stop()
}

/** Each joins, fetches and stays. */
async function wait(meeting: Meeting, owners: readonly Account[]): Promise<void> {
  await inLanes(owners, async (owner) => {
    const { wire } = await ownerWire(owner)
    const client = await joined(meeting, { wire, owner })
    await client.fetch(patient)
  })
}

async function inLanes<T>(all: readonly T[], task: (one: T) => Promise<void>): Promise<void> {
  const next = all.values()
  const lane = async (): Promise<void> => {
    for (const one of next) await task(one)
  }
  await Promise.all(Array.from({ length: LANES }, lane))
}
