import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { DIRECT_PROTOCOL } from '../../net/names.ts'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { accountOf } from '../../net/peer-name.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { openHome } from '../../net/platform/home.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { DirectSender, MAX_DIRECT_FRAME_BYTES } from '../../node/direct.ts'
import type { Node } from '../../node/index.ts'
import { createMessageId, encodeContent } from '../../protocol/content.ts'
import { generateSecret, x25519KeyPair } from '../../protocol/crypto.ts'
import { certifyDevice } from '../../protocol/device.ts'
import { encryptMessage, initiateSession } from '../../protocol/session.ts'
import { eventually, folder, live, liveMailbox } from '../support/live.ts'
import { testPeer, type TestPeer } from '../support/network.ts'

const signal = AbortSignal.timeout(50_000)

/** What a first message of a stranger would leave behind. */
const TRACES = [
  'contact/',
  'session/',
  'skipped/',
  'handshake/',
  'message/',
  'id/',
  'event/',
  'due/',
]

test('forged first messages leave no contact, no session and no used-up prekey', async () => {
  const dir = await folder()
  const mailbox = await liveMailbox(dir)
  const bob = await live(dir, 'bob')
  const { addresses } = bob.status
  await bob.mailbox.use(mailbox.link)
  const heard: string[] = []
  for (const type of ['contact.requested', 'contact.added', 'message.received'] as const) {
    bob.on(type, () => void heard.push(type))
  }
  const mallory = await testPeer()
  onTestFinished(() => mallory.stop())
  const client = new MailboxClient({
    wire: mallory.wire,
    mailbox: mailbox.peer,
    addresses: mailbox.addresses,
    clock: systemClock,
    random: platformRandom,
  })
  onTestFinished(() => client.close())
  const genuine = await firstMessage(mallory, client, bob)

  let deposited = 0
  for (const forged of damaged(genuine)) {
    expect(await deliver(mallory, bob, addresses, forged)).toBe('refused')
    deposited += await deposit(client, bob, forged)
  }
  expect(deposited).toBeGreaterThan(5)
  // On the stream of somebody else, an untouched one is a forgery as well.
  const other = await testPeer()
  onTestFinished(() => other.stop())
  expect(await deliver(other, bob, addresses, genuine)).toBe('refused')
  // The mailbox has handed over all of them, and bob has let go of them.
  await eventually(async () => (await mailbox.status()).waiting === 0)

  expect(bob.contacts.list()).toEqual([])
  expect(heard).toEqual([])
  await bob.stop()
  expect(await traces(join(dir, 'bob'))).toEqual([])

  // The one-time pair is still there: the untouched message opens with it, and uses it up.
  const listen = addresses.map((address) => address.replace(/\/p2p\/.*$/, ''))
  const again = await live(dir, 'bob', { listen })
  expect(await deliver(mallory, again, addresses, genuine)).toBe('delivered')
  expect(again.contacts.list()).toMatchObject([
    {
      peer: mallory.wire.self,
      state: 'requested',
      session: { oneTime: true, startedBy: 'theirs' },
    },
  ])
  expect(await again.messages.list(mallory.wire.self)).toMatchObject([{ text: 'who am I?' }])
})

/** One flipped bit in each part of an envelope, and one with its end cut off. */
function damaged(envelope: Uint8Array): readonly Uint8Array[] {
  const flipped = [0, 1, 4, 40, 200, 1180, 1300, envelope.length - 300, envelope.length - 1]
  return [
    ...flipped.map((at) => envelope.map((byte, index) => (index === at ? byte ^ 1 : byte))),
    envelope.slice(0, -1),
  ]
}

/** A first message as any stranger with a working node would write it, with a one-time pair from the mailbox. */
async function firstMessage(from: TestPeer, client: MailboxClient, to: Node): Promise<Uint8Array> {
  const now = Date.now()
  const { bundle, pair } = await client.takePrekey(accountOf(to.id.peer), { signal })
  expect(pair).toBeDefined()
  const identityKeyPair = x25519KeyPair(generateSecret('IdentityKey', 32, platformRandom))
  const certificate = certifyDevice(from.account, {
    device: 1,
    identityKey: identityKeyPair.publicKey,
    sequence: now,
    issuedAt: now,
    expiresAt: now + 86_400_000,
  })
  const session = initiateSession({
    ours: { account: from.account.key, certificate, identityKeyPair },
    theirs: bundle,
    oneTime: pair,
    ordinal: now,
    seen: 0,
    now,
    random: platformRandom,
  })
  const content = encodeContent({
    messageId: createMessageId(platformRandom),
    counter: 1,
    seen: 0,
    sentAt: now,
    body: { kind: 'text', text: 'who am I?' },
  })
  return encryptMessage(session, content, { now, random: platformRandom }).envelope
}

/** How many the mailbox took: it does not take what is no envelope at all. */
async function deposit(client: MailboxClient, to: Node, envelope: Uint8Array): Promise<number> {
  const owner = accountOf(to.id.peer)
  try {
    await client.deposit({ owner, depositId: platformRandom(16), envelope }, { signal })
    return 1
  } catch (error) {
    expect(error).toMatchObject({ name: 'MailboxError', code: 'ERR_REFUSED' })
    return 0
  }
}

async function deliver(
  from: TestPeer,
  to: Node,
  addresses: readonly string[],
  envelope: Uint8Array,
): Promise<'delivered' | 'refused'> {
  const channel = await from.wire.open(to.id.peer, DIRECT_PROTOCOL, {
    addresses,
    maxFrameBytes: MAX_DIRECT_FRAME_BYTES,
    signal,
  })
  try {
    const sender = new DirectSender(channel)
    sender.send(1, envelope)
    for await (const { delivered } of sender.settled()) {
      return delivered.length === 1 ? 'delivered' : 'refused'
    }
    throw new Error('the stream ended without an answer')
  } finally {
    await channel.close()
  }
}

async function traces(dir: string): Promise<readonly string[]> {
  const home = await openHome(dir)
  const names: string[] = []
  for await (const name of home.store.keys()) {
    if (TRACES.some((prefix) => name.startsWith(prefix))) names.push(name)
  }
  await home.close()
  return names
}
