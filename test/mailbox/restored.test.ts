// What owners meet at a mailbox that was brought back from a backup.
import { expect, test } from 'vitest'
import { encodeRestored } from '../../mailbox/restored.ts'
import { testBundle, testPairs } from '../support/accounts.ts'
import { World } from './world.ts'
import type { OneTimePair } from '../../protocol/prekeys.ts'
import type { Guest } from './world.ts'

const SKEW = 10 * 60_000

/** A mailbox with one member that was restored now. */
async function restored() {
  const before = await World.start()
  const guest = await before.member()
  const now = before.clock.now()
  const value = encodeRestored(now)
  await before.records.commit([{ type: 'put', key: 'mailbox/restored', value }])
  const world = await before.crash()
  const owner = await world.again(guest)
  const bundle = testBundle(owner.account, { sequence: 1, now }, world.random)
  await owner.visitor.ask({ case: 'putBundle', value: { bundle: bundle.bytes } }, 'done')
  return { world, owner, now }
}

async function upload(owner: Guest, pairs: readonly OneTimePair[]): Promise<void> {
  const value = { pairs: pairs.map(({ signed }) => signed) }
  await owner.visitor.ask({ case: 'putPrekeys', value }, 'done')
}

const status = (owner: Guest) => owner.visitor.ask({ case: 'getStatus', value: {} }, 'status')

test('its members are told when', async () => {
  const { world, owner, now } = await restored()
  expect((await status(owner)).restoredAt).toBe(BigInt(now))
  expect((await world.service.status()).restoredAt).toBe(now)
  const never = await World.start()
  expect((await status(await never.member())).restoredAt).toBe(0n)
})

test('pairs that may have been handed out before are passed over, and never given', async () => {
  const { world, owner, now } = await restored()
  const mailbox = world.account.key
  const made = (issuedAt: number) =>
    testPairs(owner.account, mailbox, { count: 1, now: issuedAt }, world.random)
  await upload(owner, [...made(now - 1), ...made(now), ...made(now + SKEW)])
  expect((await status(owner)).oneTimePairs).toBe(0)
  const asker = await world.stranger()
  const value = { owner: owner.account.key, nonce: world.random(16) }
  const answer = await asker.visitor.ask({ case: 'takePrekey', value }, 'prekey')
  expect([answer.bundle.length > 0, answer.pair.length]).toEqual([true, 0])
  await world.clock.advance(1)
  const [later] = made(now + SKEW + 1)
  if (later === undefined) throw new Error('no pair')
  await upload(owner, [later])
  const given = await asker.visitor.ask({ case: 'takePrekey', value }, 'prekey')
  expect(given.pair).toEqual(later.signed)
})
