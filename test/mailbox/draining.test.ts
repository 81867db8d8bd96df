// A mailbox that is about to end.
import { expect, test } from 'vitest'
import { verifyRetirement } from '../../protocol/custody.ts'
import { encodeMailboxLink } from '../../protocol/link.ts'
import { Operator } from '../../mailbox/operator.ts'
import { Rules } from '../../mailbox/rules.ts'
import { testAccount } from '../support/accounts.ts'
import { envelope, JOIN_SECRET, World } from './world.ts'
import type { MailboxBodyInit } from '../../net/mailbox-messages.ts'
import type { Guest } from './world.ts'

const status: MailboxBodyInit = { case: 'getStatus', value: {} }
const join: MailboxBodyInit = { case: 'join', value: { joinSecret: JOIN_SECRET } }
const address = Uint8Array.of(4, 127, 0, 0, 1, 6, 0x11, 0xf9)

function operator({ service, kept, random }: World): Operator {
  const rules = new Rules()
  const { retirement } = service
  const link = (): Promise<string> => Promise.resolve('')
  return new Operator({
    ...{ store: kept, rules, retirement, random, link },
    now: () => service.now(),
  })
}

async function noticeTo(guest: Guest): Promise<Uint8Array> {
  return (await guest.visitor.ask(status, 'status')).retirement
}

test('takes no new mail and nobody new, whoever asks, and hands out what it has', async () => {
  const world = await World.start()
  const [member, stranger] = [await world.member(), await world.stranger()]
  await world.deposit(stranger, member.account, envelope('before'))
  await operator(world).drain()
  const nobody = testAccount(world.random)
  for (const owner of [member.account, nobody]) {
    await expect(world.deposit(stranger, owner, envelope('after'))).rejects.toThrow('retiring')
  }
  await expect(world.deposit(member, member.account, envelope('own'))).rejects.toThrow('retiring')
  await stranger.visitor.login(stranger.account)
  await expect(stranger.visitor.ask(join, 'done')).rejects.toThrow('retiring')
  await member.visitor.ask(join, 'done')
  expect(await world.service.status()).toMatchObject({ draining: true, waiting: 1, members: 1 })
  await member.visitor.ask({ case: 'fetch', value: { maxItems: 0 } }, 'items')
  const [item] = member.visitor.items
  await member.visitor.ask({ case: 'acknowledge', value: { ids: [item?.id ?? 0n] } }, 'done')
  expect(await world.service.status()).toMatchObject({ draining: true, waiting: 0 })
})

test('tells its members with a signature, also after a crash, and takes it back', async () => {
  const world = await World.start()
  const member = await world.member()
  expect(await noticeTo(member)).toHaveLength(0)
  const next = testAccount(world.random)
  const link = encodeMailboxLink({
    account: next.key,
    addresses: [address],
    joinSecret: JOIN_SECRET,
  })
  await operator(world).drain(link)
  const notice = { successor: next.key, addresses: [address], at: world.clock.now() }
  expect(verifyRetirement(await noticeTo(member), world.account.key)).toEqual(notice)
  const later = await world.crash()
  const back = await later.again(member)
  expect(verifyRetirement(await noticeTo(back), world.account.key)).toEqual(notice)
  const stranger = await later.stranger()
  await expect(later.deposit(stranger, member.account, envelope('late'))).rejects.toThrow(
    'retiring',
  )
  await expect(stranger.visitor.ask(status, 'status')).rejects.toThrow('loginNeeded')
  await operator(later).undrain()
  expect(await noticeTo(back)).toHaveLength(0)
  await later.deposit(stranger, member.account, envelope('again'))
})

test('what is no link changes nothing', async () => {
  const world = await World.start()
  await expect(operator(world).drain('SOTTO:M/1/AAAA')).rejects.toMatchObject({
    name: 'DecodeError',
  })
  expect(await world.service.status()).toMatchObject({ draining: false })
})
