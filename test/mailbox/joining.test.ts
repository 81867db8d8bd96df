import { expect, test } from 'vitest'
import { peerName } from '../../net/peer-name.ts'
import { tokenHash } from '../../protocol/custody.ts'
import { JOIN_SECRET, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Guest } from './world.ts'

const DAY = 86_400_000
const SECRET = new Uint8Array(16).fill(9)
const ANY = { label: '', uses: undefined, expiresAt: undefined, quota: undefined }

async function join(guest: Guest, joinSecret = new Uint8Array(0)): Promise<void> {
  const body: MailboxBodyInit = { case: 'join', value: { joinSecret } }
  await guest.visitor.ask(body, 'done')
}

async function owner(world: World): Promise<Guest> {
  const guest = await world.stranger()
  await guest.visitor.login(guest.account)
  return guest
}

test('an invitation lets in until it is used up, for the quota it says', async () => {
  const world = await World.start()
  const quota = { bytes: 1000, messages: 3 }
  await world.kept.invite({ ...ANY, hash: tokenHash(SECRET), uses: 1, quota }, world.clock.now())
  const [first, second] = [await owner(world), await owner(world)]
  await join(first, SECRET)
  await join(first, SECRET)
  await expect(join(second, SECRET)).rejects.toThrow('joinRefused')
  const status = await first.visitor.ask({ case: 'getStatus', value: {} }, 'status')
  expect(status).toMatchObject({ maxBytes: 1000n, maxMessages: 3 })
  await join(second, JOIN_SECRET)
})

test('an invitation ends by the time base of the mailbox', async () => {
  const world = await World.start()
  const expiresAt = world.clock.now() + DAY
  await world.kept.invite({ ...ANY, hash: tokenHash(SECRET), expiresAt }, world.clock.now())
  await world.clock.advance(DAY - 1)
  await join(await owner(world), SECRET)
  await world.clock.advance(1)
  await expect(join(await owner(world), SECRET)).rejects.toThrow('joinRefused')
})

test('a first invitation that was revoked is not made again, one with another secret is', async () => {
  const world = await World.start()
  const [made] = await world.kept.invitations()
  expect(await world.kept.revoke(made?.id ?? 0)).toBe(true)
  await expect(join(await owner(world), JOIN_SECRET)).rejects.toThrow('joinRefused')
  const next = await world.crash({ joinSecret: JOIN_SECRET })
  expect(await next.kept.invitations()).toEqual([])
  const last = await next.crash({ joinSecret: SECRET })
  await join(await owner(last), SECRET)
  expect(await last.kept.invitations()).toMatchObject([{ label: 'first', used: 1 }])
})

test('another first invitation takes the place of the one before', async () => {
  const world = await World.start()
  const next = await world.crash({ joinSecret: SECRET })
  await expect(join(await owner(next), JOIN_SECRET)).rejects.toThrow('joinRefused')
  await join(await owner(next), SECRET)
})

test('the policy counts from the moment it is set, and members stay', async () => {
  const world = await World.start()
  const [ada, bob, carol, dan] = [
    await owner(world),
    await owner(world),
    await owner(world),
    await owner(world),
  ]
  await expect(join(ada)).rejects.toThrow('joinRefused')
  world.rules.change({ joining: { policy: 'allow-list', members: [peerName(ada.account.key)] } })
  await join(ada)
  await expect(join(bob, JOIN_SECRET)).rejects.toThrow('joinRefused')
  world.rules.change({ joining: { policy: 'open' } })
  await join(bob)
  world.rules.change({ joining: { newMembers: false } })
  await expect(join(carol)).rejects.toThrow('joinRefused')
  world.rules.change({ joining: { policy: 'invite' } })
  await expect(join(dan, JOIN_SECRET)).rejects.toThrow('joinRefused')
  await join(ada)
  await join(bob)
  expect((await world.service.status()).members).toBe(2)
  expect(await world.kept.invitations()).toMatchObject([{ used: 0 }])
})

test('limits count from the moment they are set', async () => {
  const world = await World.start({ limits: { members: 1 } })
  await world.member()
  await expect(world.member()).rejects.toThrow('quota')
  world.rules.change({ limits: { members: 2, ownerBytes: 77, keepMessagesMs: 1000 } })
  const guest = await world.member()
  const status = await guest.visitor.ask({ case: 'getStatus', value: {} }, 'status')
  expect(status).toMatchObject({ maxBytes: 77n })
  const depositor = await world.stranger()
  const { keptUntil } = await world.deposit(depositor, guest.account, Uint8Array.of(1, 1, 5))
  expect(keptUntil).toBe(world.clock.now() + 1000)
})
