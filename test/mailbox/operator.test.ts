import { expect, test } from 'vitest'
import { Operator } from '../../mailbox/operator.ts'
import { tokenHash } from '../../protocol/custody.ts'
import { World } from './world.ts'

const HOUR = 3_600_000

async function operated() {
  const world = await World.start()
  const secrets: Uint8Array[] = []
  const operator = new Operator({
    store: world.kept,
    rules: world.rules,
    retirement: world.service.retirement,
    random: world.random,
    now: () => world.service.now(),
    link: async (secret) => `link ${secrets.push(secret)}`,
  })
  return { world, operator, secrets }
}

test('an invitation is kept as a hash, and its link is shown once', async () => {
  const { operator, secrets, world } = await operated()
  const quota = { bytes: 500, messages: 5 }
  const made = await operator.invite({ label: 'family', uses: 2, expiresIn: HOUR, quota })
  expect(made.link).toBe('link 1')
  const listed = (await operator.invitations()).find(({ id }) => id === made.invitation.id)
  expect(listed).toMatchObject({ label: 'family', uses: 2, used: 0, quota, spent: false })
  expect(listed?.hash).toEqual(tokenHash(secrets[0] ?? new Uint8Array(0)))
  await world.clock.advance(HOUR)
  expect((await operator.invitations()).map(({ spent }) => spent)).toEqual([false, true])
  expect(await operator.revoke(made.invitation.id)).toBe(true)
  expect(await operator.revoke(made.invitation.id)).toBe(false)
})

test('without a link there is no invitation', async () => {
  const { world } = await operated()
  const operator = new Operator({
    store: world.kept,
    rules: world.rules,
    retirement: world.service.retirement,
    random: world.random,
    now: () => 0,
    link: () => Promise.reject(new Error('no address')),
  })
  await expect(operator.invite({ uses: 1, expiresIn: undefined })).rejects.toThrow('no address')
  expect(await operator.invitations()).toHaveLength(1)
})

test('members are found by their id, or by how it begins', async () => {
  const { world, operator } = await operated()
  for (let n = 0; n < 12; n++) await world.member()
  expect((await operator.members()).length).toBe(12)
  expect((await operator.member('2'))?.id).toBe('2')
  expect((await operator.member('12'))?.id).toBe('12')
  expect((await operator.member('1'))?.id).toBe('1')
  expect(await operator.member('13')).toBeUndefined()
  expect(await operator.member('')).toBeUndefined()
})

test('a policy is changed in part, and a member who has left has none', async () => {
  const { world, operator } = await operated()
  await world.member()
  const [member] = await operator.members()
  if (member === undefined) throw new Error('there is no member')
  const quota = { bytes: 9, messages: 9 }
  await operator.setPolicy(member, { quota })
  const now = await operator.setPolicy((await operator.member(member.id)) ?? member, {
    status: 'suspended',
  })
  expect(now).toMatchObject({ quota, status: 'suspended' })
  await operator.remove(member)
  await expect(operator.setPolicy(member, { status: 'active' })).rejects.toThrow('unavailable')
})
