import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  MailboxClient,
  type MailboxClientInit,
  type MailboxItem,
} from '../../net/mailbox-client.ts'
import {
  decodeMailboxFrame,
  encodeMailboxFrame,
  FAILURE,
  MAX_MAILBOX_FRAME_BYTES,
  type MailboxBodyInit,
  type MailboxMessage,
} from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { peerName } from '../../net/peer-name.ts'
import type { Channel } from '../../net/ports.ts'
import { envelopeDigest, signHandOut, verifyLogin } from '../../protocol/custody.ts'
import { signCustody } from '../../protocol/receipt.ts'
import { ready } from '../../protocol/crypto.ts'
import { createOneTimePair } from '../../protocol/prekeys.ts'
import { testAccount, testBundle } from '../support/bundles.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'

/** Says what the mailbox answers; nothing for no answer. */
type Answer = (message: MailboxMessage, channel: Channel) => MailboxBodyInit | undefined

const NONCE = new Uint8Array(16).fill(7)
const DONE: MailboxBodyInit = { case: 'done', value: {} }
const { signal } = new AbortController()
const random = seededRandom('client')

let network: MemoryNetwork
let clock: ManualClock
/** Channels that the mailbox has seen. */
let channels: Channel[]
let asked: MailboxMessage[]
let answer: Answer

beforeAll(() => ready)
beforeEach(async () => {
  network = new MemoryNetwork()
  clock = new ManualClock()
  channels = []
  asked = []
  answer = () => DONE
  const wire = network.wire(peerName(mailbox().key))
  const limits = { maxFrameBytes: MAX_MAILBOX_FRAME_BYTES, maxChannels: 4 }
  await wire.handle(MAILBOX_PROTOCOL, limits, async (channel) => {
    channels.push(channel)
    say(channel, 0, { case: 'hello', value: { nonce: NONCE } })
    for await (const run of channel.incoming) {
      for (const frame of run) {
        const message = decodeMailboxFrame(frame)
        asked.push(message)
        const body = answer(message, channel)
        if (body !== undefined) say(channel, message.id, body)
      }
    }
  })
})

describe('a stranger', () => {
  test('leaves an envelope and gets a receipt that it has verified', async () => {
    const envelope = new Uint8Array(300).fill(1)
    answer = ({ body }) => (body.case === 'deposit' ? custody(body.value.envelope) : undefined)
    const client = create()
    const receipt = await client.deposit(deposit(envelope), { signal })
    expect(receipt.keptUntil).toBe(1000)
    expect(asked.map(({ body }) => body.case)).toEqual(['deposit'])
    expect(channels[0]?.peer).toBe(peerName(testAccount('stranger').key))
    await client.close()
  })

  test.each([
    ['for another envelope', () => custody(Uint8Array.of(9))],
    ['for another owner', () => custody(Uint8Array.of(1), 'mallory')],
    ['by another mailbox', () => custody(Uint8Array.of(1), 'alice', 'mallory')],
    ['that is no receipt', (): MailboxBodyInit => ({ case: 'custody', value: { signed: NONCE } })],
    ['of another kind', () => DONE],
  ])('does not take a receipt %s', async (_, given) => {
    answer = given
    const depositing = create().deposit(deposit(Uint8Array.of(1)), { signal })
    await expect(depositing).rejects.toMatchObject({ name: 'MailboxError', code: 'ERR_PROTOCOL' })
  })

  test('does not send an envelope that no mailbox takes', async () => {
    const depositing = create().deposit(deposit(new Uint8Array(128 * 1024 + 1)), { signal })
    await expect(depositing).rejects.toMatchObject({ code: 'ERR_TOO_LARGE' })
    expect(channels).toEqual([])
  })

  test('takes a one-time pair with its note', async () => {
    const { alice, pair, bundle } = shelf()
    answer = ({ body }) => {
      if (body.case !== 'takePrekey') return undefined
      const { nonce } = body.value
      const note = signHandOut(mailbox(), { owner: alice.key, keyId: pair.id, at: 5, nonce })
      return { case: 'prekey', value: { bundle: bundle.bytes, pair: pair.signed, note } }
    }
    const taken = await create().takePrekey(alice.key, { signal })
    expect(taken.bundle.account).toEqual(alice.key)
    expect(taken.pair?.id).toBe(pair.id)
    expect(taken.note).toBeDefined()
  })

  test('takes the bundle alone when the shelf is empty', async () => {
    const { alice, bundle } = shelf()
    answer = () => ({ case: 'prekey', value: { bundle: bundle.bytes } })
    const taken = await create().takePrekey(alice.key, { signal })
    expect(taken.bundle.digest).toEqual(bundle.digest)
    expect(taken.pair).toBeUndefined()
  })

  test('does not take a pair with a note of an earlier hand-out, nor one of somebody else', async () => {
    const { alice, pair, bundle } = shelf()
    const note = signHandOut(mailbox(), { owner: alice.key, keyId: pair.id, at: 5, nonce: NONCE })
    answer = () => ({ case: 'prekey', value: { bundle: bundle.bytes, pair: pair.signed, note } })
    const refused = { code: 'ERR_PROTOCOL' }
    await expect(create().takePrekey(alice.key, { signal })).rejects.toMatchObject(refused)
    const bob = testAccount('bob').key
    await expect(create('second').takePrekey(bob, { signal })).rejects.toMatchObject(refused)
  })

  test('asks for a bundle, which may not be there', async () => {
    const { key } = testAccount('alice')
    answer = () => ({ case: 'bundle', value: { bundle: Uint8Array.of(1, 2) } })
    const client = create()
    expect(await client.bundle(key, { signal })).toEqual(Uint8Array.of(1, 2))
    answer = () => failure(FAILURE.unavailable)
    expect(await client.bundle(key, { signal })).toBeUndefined()
  })
})

describe('an owner', () => {
  test('logs in once, before anything else, for this mailbox and this stream', async () => {
    const owner = testAccount('alice')
    const instanceId = new Uint8Array(16).fill(3)
    answer = ({ body }) => {
      if (body.case !== 'login') return DONE
      const { nonce, signed } = body.value
      const expected = {
        mailbox: mailbox().key,
        mailboxNonce: NONCE,
        ownerNonce: nonce,
        instanceId,
      }
      return verifyLogin(signed, { ...expected, account: owner.key }) ? DONE : undefined
    }
    const client = create('alice', { owner, instanceId })
    await Promise.all([
      client.join(Uint8Array.of(1), { signal }),
      client.putBundle(Uint8Array.of(2), { signal }),
    ])
    expect(asked.map(({ body }) => body.case)).toEqual(['login', 'join', 'putBundle'])
    expect(channels).toHaveLength(1)
  })

  test('that is not let in cannot ask for anything', async () => {
    answer = () => failure(FAILURE.loginNeeded)
    const client = create('alice', { owner: testAccount('alice') })
    await expect(client.status({ signal })).rejects.toMatchObject({ code: 'ERR_LOGIN' })
    expect(asked).toHaveLength(1)
  })

  test('gets what waits and what comes later, in order', async () => {
    const seen: number[] = []
    const onItems = (items: readonly MailboxItem[]) =>
      seen.push(...items.map(({ id }) => Number(id)))
    answer = ({ body }) => (body.case === 'fetch' ? items(1, 2) : DONE)
    const client = create('alice', { owner: testAccount('alice'), onItems })
    await client.fetch({ signal })
    expect(seen).toEqual([1, 2])
    const [channel] = channels
    if (channel !== undefined) say(channel, 0, items(3))
    await until(() => seen.length === 3)
    await client.acknowledge([1n, 2n, 3n], { signal })
    expect(asked.at(-1)?.body).toMatchObject({ case: 'acknowledge', value: { ids: [1n, 2n, 3n] } })
  })

  test('uploads pairs in pieces of at most 64 KiB, and acknowledges in pieces too', async () => {
    const client = create('alice', { owner: testAccount('alice') })
    await client.putPrekeys(
      Array.from({ length: 100 }, () => new Uint8Array(1500)),
      { signal },
    )
    const pieces = asked.flatMap(({ body }) =>
      body.case === 'putPrekeys' ? [body.value.pairs] : [],
    )
    expect(pieces.map((pairs) => pairs.length)).toEqual([43, 43, 14])
    await client.acknowledge(
      Array.from({ length: 1500 }, (_, at) => BigInt(at)),
      { signal },
    )
    expect(asked.filter(({ body }) => body.case === 'acknowledge')).toHaveLength(2)
  })

  test('sees how full its box is', async () => {
    const value = { usedBytes: 5n, maxBytes: 10n, waiting: 1, maxMessages: 2, oneTimePairs: 3 }
    answer = ({ body }) => (body.case === 'getStatus' ? { case: 'status', value } : DONE)
    const client = create('alice', { owner: testAccount('alice') })
    expect(await client.status({ signal })).toMatchObject({ usedBytes: 5, oneTimePairs: 3 })
  })
})

describe('a refusal', () => {
  test.each([
    [FAILURE.badRequest, 'ERR_REFUSED'],
    [FAILURE.unavailable, 'ERR_UNAVAILABLE'],
    [FAILURE.quota, 'ERR_QUOTA'],
    [FAILURE.loginNeeded, 'ERR_LOGIN'],
    [FAILURE.joinRefused, 'ERR_JOIN'],
    [FAILURE.tryLater, 'ERR_LATER'],
    [FAILURE.tooLarge, 'ERR_TOO_LARGE'],
    [99, 'ERR_REFUSED'],
  ])('with code %i is %s, and the stream goes on', async (code, expected) => {
    answer = () => failure(code)
    const client = create()
    const { key } = testAccount('alice')
    await expect(client.takePrekey(key, { signal })).rejects.toMatchObject({ code: expected })
    answer = () => ({ case: 'bundle', value: { bundle: Uint8Array.of(1) } })
    expect(await client.bundle(key, { signal })).toEqual(Uint8Array.of(1))
    expect(channels).toHaveLength(1)
  })
})

describe('a mailbox that', () => {
  const status = (client: MailboxClient) => client.status({ signal })

  test('goes away fails what is on its way, tells the owner once, and stays gone', async () => {
    let closed = 0
    answer = (_, channel) => {
      channel.abort(new Error('gone'))
      return undefined
    }
    const client = create('stranger', { onClosed: () => closed++ })
    await expect(status(client)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    await expect(status(client)).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(closed).toBe(1)
  })

  test('sends mail without end, whatever is acknowledged, is cut off', async () => {
    let next = 1
    const many = () => items(...Array.from({ length: 256 }, () => next++))
    answer = ({ body }) => (body.case === 'fetch' ? many() : DONE)
    let [seen, closed] = [0, 0]
    const client = create('alice', {
      owner: testAccount('alice'),
      onItems: (run) => (seen += run.length),
      onClosed: () => closed++,
    })
    await client.fetch({ signal })
    const [channel] = channels
    const push = async (): Promise<void> => {
      if (channel !== undefined) say(channel, 0, many())
      await settle()
    }
    for (let at = 1; at < 16; at++) await push()
    expect([seen, closed]).toEqual([4096, 0])
    await client.acknowledge(
      Array.from({ length: 256 }, (_, at) => BigInt(at + 1)),
      { signal },
    )
    await push()
    expect([seen, closed]).toEqual([4352, 0])
    await push()
    expect([seen, closed]).toEqual([4352, 1])
  })

  test('never answers is given up after half a minute', async () => {
    answer = () => undefined
    const client = create()
    const asking = status(client)
    asking.catch(() => undefined)
    await until(() => asked.length === 1)
    await clock.advance(30_000)
    await expect(asking).rejects.toMatchObject({ code: 'ERR_CLOSED' })
    expect(clock.pending).toBe(0)
  })

  test('never greets is given up after twenty seconds', async () => {
    await network.find(peerName(mailbox().key))?.unhandle(MAILBOX_PROTOCOL)
    const limits = { maxFrameBytes: 100, maxChannels: 4 }
    await network
      .find(peerName(mailbox().key))
      ?.handle(MAILBOX_PROTOCOL, limits, async (channel) => {
        channels.push(channel)
        for await (const run of channel.incoming) expect(run).toEqual([])
      })
    const asking = status(create())
    asking.catch(() => undefined)
    await until(() => channels.length === 1)
    await clock.advance(20_000)
    await expect(asking).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test.each([
    ['answers what nobody asked', 77, DONE],
    ['greets twice', 0, { case: 'hello', value: { nonce: NONCE } }],
    ['says something unasked', 0, DONE],
  ] as const)('%s is cut off', async (_, id, body) => {
    answer = (_message, channel) => {
      say(channel, id, body)
      return undefined
    }
    await expect(status(create())).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('sends no frame at all is cut off', async () => {
    answer = (_, channel) => {
      channel.send(Uint8Array.of(0xff, 0xff))
      return undefined
    }
    await expect(status(create())).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  })

  test('cannot be reached is an error of the dial', async () => {
    network.crash(peerName(mailbox().key))
    await expect(status(create())).rejects.toMatchObject({ name: 'DialError' })
  })
})

test('giving one request up leaves the stream to the others, whose late answers are dropped', async () => {
  answer = () => undefined
  const client = create()
  const given = new AbortController()
  const first = client.bundle(testAccount('alice').key, { signal: given.signal })
  const second = client.bundle(testAccount('bob').key, { signal })
  await until(() => asked.length === 2)
  given.abort(new Error('given up'))
  await expect(first).rejects.toThrow('given up')
  const [channel] = channels
  for (const { id } of asked) {
    if (channel !== undefined) say(channel, id, { case: 'bundle', value: { bundle: NONCE } })
  }
  expect(await second).toEqual(NONCE)
})

test('a request given up while the stream is opened does not spoil it for the next', async () => {
  const client = create()
  const given = new AbortController()
  const first = client.bundle(testAccount('alice').key, { signal: given.signal })
  given.abort(new Error('given up'))
  await expect(first).rejects.toThrow('given up')
  answer = () => ({ case: 'bundle', value: { bundle: NONCE } })
  expect(await client.bundle(testAccount('alice').key, { signal })).toEqual(NONCE)
  expect(channels).toHaveLength(1)
})

test('a request that was given up before it was made opens nothing, and leaves no rejection that nobody handles', async () => {
  const unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  process.on('unhandledRejection', note)
  const client = create('stranger', { mailbox: peerName(testAccount('nobody').key) })
  const given = AbortSignal.abort(new Error('given up'))
  const { key } = testAccount('alice')
  await expect(client.bundle(key, { signal: given })).rejects.toThrow('given up')
  await settle()
  process.off('unhandledRejection', note)
  expect(unhandled).toEqual([])
})

test('closing fails what is on its way, tells nobody, and can be done twice', async () => {
  let closed = 0
  answer = () => undefined
  const client = create('stranger', { onClosed: () => closed++ })
  const asking = client.status({ signal })
  asking.catch(() => undefined)
  await until(() => asked.length === 1)
  await client.close()
  await client.close()
  await expect(asking).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await expect(client.status({ signal })).rejects.toMatchObject({ code: 'ERR_CLOSED' })
  await settle()
  expect(closed).toBe(0)
  expect(clock.pending).toBe(0)
})

function mailbox() {
  return testAccount('mailbox')
}

function create(name = 'stranger', init: Partial<MailboxClientInit> = {}): MailboxClient {
  const self = peerName(testAccount(name).key)
  const wire = network.find(self) ?? network.wire(self)
  return new MailboxClient({
    wire,
    mailbox: peerName(mailbox().key),
    addresses: [],
    clock,
    random,
    ...init,
  })
}

function deposit(envelope: Uint8Array) {
  return { owner: testAccount('alice').key, depositId: new Uint8Array(16), envelope }
}

function custody(envelope: Uint8Array, owner = 'alice', by = 'mailbox'): MailboxBodyInit {
  const custody = {
    envelopeDigest: envelopeDigest(envelope),
    owner: testAccount(owner).key,
    keptUntil: 1000,
  }
  const [signed = new Uint8Array()] = signCustody(testAccount(by), [custody])
  return { case: 'custody', value: { signed } }
}

function shelf() {
  const alice = testAccount('alice')
  const now = clock.now()
  const pair = createOneTimePair({
    account: alice,
    device: 1,
    mailbox: mailbox().key,
    issuedAt: now,
    expiresAt: now + 1_000_000,
    random,
  })
  return { alice, pair, bundle: testBundle(alice, now) }
}

function items(...ids: number[]): MailboxBodyInit {
  const list = ids.map((id) => ({ id: BigInt(id), envelope: Uint8Array.of(id) }))
  return { case: 'items', value: { items: list, more: false } }
}

function failure(code: number): MailboxBodyInit {
  return { case: 'failure', value: { code } }
}

function say(channel: Channel, id: number, body: MailboxBodyInit): void {
  channel.send(encodeMailboxFrame(id, body))
}
