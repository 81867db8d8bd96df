import { expect, test } from 'vitest'
import { NodeRefit, pack, SELECTION } from '../../node/backup-records.ts'
import { contactSecrets, decodeContact } from '../../node/contact.ts'
import { keys } from '../../node/keys.ts'
import { decodeDevice } from '../../node/own-codec.ts'
import { toHex } from '../../protocol/bytes.ts'
import { Secret } from '../../protocol/secret.ts'
import { ChatWorld, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { StoredRecord } from '../../net/records.ts'

const NOW = 1_800_000_000_000

/** Everything in somebody's store, opened. */
async function all({ core }: Person): Promise<readonly StoredRecord[]> {
  const found: StoredRecord[] = []
  for await (const record of core.records.range('')) found.push(record)
  return found
}

/** Two who have talked, with a mailbox and its tokens, and something on its way. */
async function talked() {
  const clock = new ManualClock(NOW)
  const world = await ChatWorld.create('backup', clock)
  const mailbox = await world.mailbox()
  const [ada, bob] = [await world.person('ada'), await world.person('bob')]
  await ada.node.mailbox.use(mailbox.link)
  await bob.node.mailbox.use(mailbox.link)
  await introduce(ada, bob)
  for (const text of ['one', 'two']) {
    await ada.node.conversation('bob').send(`${text} of ada`)
    await bob.node.conversation('ada').send(`${text} of bob`)
    await clock.advance(60_000)
  }
  await mailbox.service.stop()
  world.network.part(ada.peer, bob.peer)
  await ada.node.conversation('bob').send('on its way')
  await clock.advance(60_000)
  return { world, clock, ada, bob }
}

test('account, contacts and history are kept; sessions, prekeys, the device key, tokens and envelopes are not', async () => {
  const { ada } = await talked()
  const records = await all(ada)
  const kinds = (some: readonly StoredRecord[]) =>
    [...new Set(some.map(({ key }) => key.split('/')[0] ?? ''))].toSorted()
  expect(kinds(records)).toEqual(
    expect.arrayContaining(['contact', 'message', 'outbox', 'own', 'session']),
  )
  const kept = records.filter(({ key }) => SELECTION.isKept(key))
  expect(kinds(kept)).toEqual(['contact', 'event', 'id', 'message', 'node', 'own'])
  expect(new Set(kept.map(({ key }) => key.split('/')[1]))).not.toContain('device')

  const contact = kept.find(({ key }) => key.startsWith(keys.contacts))
  const device = records.find(({ key }) => key === keys.device)
  if (contact === undefined || device === undefined) throw new Error('nothing to look at')
  const before = decodeContact('c_0', contact.value.slice(), NOW)
  const { identityKeyPair } = decodeDevice(device.value.slice())
  const secrets = [...contactSecrets(before), identityKeyPair.privateKey].map((secret) =>
    toHex(Secret.reveal(secret)),
  )
  expect(before.tokens.length).toBeGreaterThan(0)
  expect(before.theirTokens.tokens.length).toBeGreaterThan(0)
  const packed = kept.map(pack)
  const text = packed.map(({ value }) => toHex(value)).join(' ')
  for (const secret of secrets) expect(text).not.toContain(secret)

  const after = decodeContact('c_0', pack(contact).value, NOW)
  expect(after).toMatchObject({ tokens: [], idle: [], sends: undefined, renewal: { begun: [] } })
  for (const field of ['account', 'name', 'state', 'trust', 'bundle', 'sentCounter'] as const) {
    expect(after[field]).toEqual(before[field])
  }
})

test('what another program has put into a backup is left out, and what is not in order is refused', async () => {
  const { ada } = await talked()
  const records = await all(ada)
  const refit = new NodeRefit({ now: NOW, createdAt: NOW - 1 })
  const taken = records.flatMap((record) => refit.take(record))
  expect(taken.every(({ key }) => SELECTION.isKept(key))).toBe(true)
  expect(refit.counts).toEqual({ contacts: 1, messages: 5 })
  const [first] = taken
  if (first === undefined) throw new Error('nothing taken')
  expect(() => refit.take(first)).toThrow('ERR_MALFORMED')
  const garbage = { key: `${keys.contacts}c_1`, value: new Uint8Array(9).fill(255) }
  expect(() => pack(garbage)).toThrow('ERR_MALFORMED')
  expect(() => pack({ key: keys.device, value: new Uint8Array(3) })).toThrow('ERR_MALFORMED')
})

test('a restored node begins again by itself, and numbers behind what it has forgotten', async () => {
  const { world, clock, ada, bob } = await talked()
  const refit = new NodeRefit({ now: NOW, createdAt: NOW })
  const kept = (await all(ada)).flatMap((record) => refit.take(record))
  world.network.join(ada.peer, bob.peer)
  await clock.advance(60_000)
  await ada.node.conversation('bob').send('forgotten')
  await clock.advance(60_000)
  expect(await texts(bob, ada)).toContain('forgotten')

  const { sequence } = ada.core.ownKeys.device.certificate
  await world.reinstall(ada, kept)
  expect(ada.core.ownKeys.device.certificate.sequence).toBeGreaterThan(sequence)
  await clock.advance(60_000)
  const theirs = bob.core.book.byAccount(ada.account.key)
  expect(theirs?.contact.freshStarts).toHaveLength(1)
  expect(ada.core.book.byAccount(bob.account.key)?.contact).toMatchObject({
    restoredAt: 0,
    sentCounter: 4,
  })
  await ada.node.conversation('bob').send('after')
  await clock.advance(60_000)
  const said = await texts(bob, ada)
  expect(said.at(-1)).toBe('after')
  expect(said.toSorted()).toEqual([
    ...['after', 'forgotten', 'on its way', 'one of ada', 'one of bob', 'two of ada', 'two of bob'],
  ])
})

test('what had no receipt when the backup was made is sent again, and shown once', async () => {
  const { world, clock, ada, bob } = await talked()
  const refit = new NodeRefit({ now: NOW, createdAt: NOW })
  const kept = (await all(ada)).flatMap((record) => refit.take(record))
  await world.reinstall(ada, kept)
  world.network.join(ada.peer, bob.peer)
  await clock.advance(600_000)
  expect((await texts(bob, ada)).filter((text) => text === 'on its way')).toHaveLength(1)
  const [message] = (await ada.node.messages.list('bob')).filter(
    (entry) => entry.kind === 'text' && entry.text === 'on its way',
  )
  expect(message).toMatchObject({ state: 'delivered' })
})
