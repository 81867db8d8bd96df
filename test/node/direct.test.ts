import { create, toBinary } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, test } from 'vitest'
import { DirectFrameSchema } from '../../protocol/generated/direct_pb.ts'
import { MAX_ENVELOPE_BYTES } from '../../protocol/envelope.ts'
import { ready } from '../../protocol/crypto.ts'
import { DIRECT_PROTOCOL } from '../../net/names.ts'
import type { Channel } from '../../net/ports.ts'
import { peerName } from '../../net/peer-name.ts'
import { DirectSender, MAX_DIRECT_FRAME_BYTES, receiveDirect, WINDOW } from '../../node/direct.ts'
import type { Outcome } from '../../node/outcome.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { testAccount } from '../support/people.ts'

type Frame =
  | { case: 'deliver'; value: { number: bigint; envelope: Uint8Array } }
  | { case: 'acknowledge'; value: { upTo: bigint; refusals: { number: bigint; code: number }[] } }

function frame(init: Frame): Uint8Array {
  return toBinary(DirectFrameSchema, create(DirectFrameSchema, { frame: init }))
}

const deliver = (number: bigint, envelope = new Uint8Array(8)): Uint8Array =>
  frame({ case: 'deliver', value: { number, envelope } })

const acknowledge = (
  upTo: bigint,
  refusals: readonly { number: bigint; code: number }[] = [],
): Uint8Array => frame({ case: 'acknowledge', value: { upTo, refusals: [...refusals] } })

/** Two ends of one stream; the far one is given to `serve`. */
async function stream(serve: (channel: Channel) => Promise<void>): Promise<Channel> {
  const network = new MemoryNetwork()
  const [a, b] = [peerName(testAccount('a').key), peerName(testAccount('b').key)]
  const near = network.wire(a)
  const far = network.wire(b)
  const options = { maxFrameBytes: MAX_DIRECT_FRAME_BYTES }
  await far.handle(DIRECT_PROTOCOL, { ...options, maxChannels: 1 }, serve)
  const { signal } = new AbortController()
  return near.open(b, DIRECT_PROTOCOL, { ...options, signal })
}

/** What an honest receiver gets and how it ends. */
interface Served {
  readonly channel: Channel
  readonly got: Uint8Array[]
  end: unknown
}

async function receiver(
  clock = new ManualClock(),
  outcomeOf: (envelope: Uint8Array) => Outcome = () => 'opened',
): Promise<Served> {
  const got: Uint8Array[] = []
  const served: Served = {
    got,
    end: 'open',
    channel: await stream(async (channel) => {
      try {
        await receiveDirect(channel, clock, (envelopes) => {
          got.push(...envelopes)
          return Promise.resolve(envelopes.map(outcomeOf))
        })
        served.end = 'ended'
      } catch (error) {
        served.end = error
        throw error
      }
    }),
  }
  return served
}

describe('the receiving end', () => {
  beforeAll(() => ready)

  test('acknowledges runs with the refusals in them', async () => {
    const outcomes: readonly Outcome[] = [
      'opened',
      'no-session',
      'duplicate',
      'store-full',
      'blocked',
    ]
    const { channel } = await receiver(new ManualClock(), ([at = 0]) => outcomes[at] ?? 'opened')
    const sender = new DirectSender(channel)
    for (const at of outcomes.keys()) sender.send(at + 100, Uint8Array.of(at))
    const settled = sender.settled()
    const seen = { delivered: [] as number[], refused: [] as object[] }
    while (sender.inFlight > 0) {
      const { value } = await settled.next()
      seen.delivered.push(...(value?.delivered ?? []))
      seen.refused.push(...(value?.refused ?? []))
    }
    expect(seen).toEqual({
      delivered: [100, 102],
      refused: [
        { order: 101, code: 1 },
        { order: 103, code: 3 },
        { order: 104, code: 2 },
      ],
    })
    await channel.close()
  })

  const hostile: readonly (readonly [string, readonly Uint8Array[]])[] = [
    ['a number that was left out', [deliver(2n)]],
    ['a number twice', [deliver(1n), deliver(1n)]],
    ['a number that goes back', [deliver(1n), deliver(2n), deliver(1n)]],
    ['the number nought', [deliver(0n)]],
    ['the largest number', [deliver(2n ** 64n - 1n)]],
    ['an acknowledgement', [acknowledge(1n)]],
    ['an empty frame', [new Uint8Array(0)]],
    ['a frame of nothing known', [Uint8Array.of(0x7a, 1, 0)]],
    ['what is no protobuf', [new Uint8Array(50).fill(0xff)]],
  ]

  test.each(hostile)('ends the stream at %s', async (_, frames) => {
    const served = await receiver()
    for (const bytes of frames) served.channel.send(bytes)
    await settle()
    expect(served.end).toMatchObject({ name: 'DecodeError', code: 'ERR_MALFORMED' })
    // None of a run is taken that breaks the rules.
    expect(served.got).toEqual([])
  })

  test('refuses a frame that is larger than an envelope can be', async () => {
    const served = await receiver()
    served.channel.send(deliver(1n, new Uint8Array(MAX_ENVELOPE_BYTES + 100)))
    await settle()
    expect(served.end).toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' })
    expect(served.got).toEqual([])
  })

  test('ends a stream that brings nothing for three minutes, and none that does', async () => {
    const clock = new ManualClock()
    const served = await receiver(clock)
    await clock.advance(170_000)
    served.channel.send(deliver(1n))
    await settle()
    await clock.advance(170_000)
    expect(served.end).toBe('open')
    await clock.advance(20_000)
    expect(served.end).toMatchObject({ name: 'TimeoutError' })
    expect(clock.pending).toBe(0)
  })
})

describe('the sending end', () => {
  beforeAll(() => ready)

  /** A sender with three envelopes on the way to somebody who answers with these frames. */
  async function answeredWith(...frames: readonly Uint8Array[]): Promise<DirectSender> {
    const channel = await stream(async (far) => {
      for (const bytes of frames) far.send(bytes)
      await far.close()
    })
    const sender = new DirectSender(channel)
    for (const order of [1, 2, 3]) sender.send(order, new Uint8Array(4))
    return sender
  }

  async function all(sender: DirectSender): Promise<readonly number[]> {
    const delivered: number[] = []
    for await (const settled of sender.settled()) delivered.push(...settled.delivered)
    return delivered
  }

  test('takes cumulative acknowledgements', async () => {
    const sender = await answeredWith(acknowledge(2n), acknowledge(3n))
    expect(await all(sender)).toEqual([1, 2, 3])
    expect(sender.inFlight).toBe(0)
  })

  test('a refusal with a code of a later version is a refusal', async () => {
    const sender = await answeredWith(acknowledge(1n, [{ number: 1n, code: 77 }]))
    const { value } = await sender.settled().next()
    expect(value).toEqual({ delivered: [], refused: [{ order: 1, code: 77 }] })
  })

  const hostile: readonly (readonly [string, Uint8Array, string])[] = [
    ['what was not sent yet', acknowledge(4n), 'ERR_MALFORMED'],
    ['the largest number', acknowledge(2n ** 64n - 1n), 'ERR_MALFORMED'],
    ['nothing', acknowledge(0n), 'ERR_MALFORMED'],
    ['with an envelope', deliver(1n), 'ERR_MALFORMED'],
    ['with what is no protobuf', new Uint8Array(9).fill(0xff), 'ERR_MALFORMED'],
    [
      'with more refusals than a window has envelopes',
      acknowledge(
        1n,
        Array.from({ length: WINDOW + 1 }, () => ({ number: 1n, code: 1 })),
      ),
      'ERR_TOO_LARGE',
    ],
  ]

  test.each(hostile)('believes no peer that acknowledges %s', async (_, bytes, code) => {
    const sender = await answeredWith(bytes)
    await expect(all(sender)).rejects.toMatchObject({ name: 'DecodeError', code })
    expect(sender.inFlight).toBe(3)
  })

  test('the same acknowledgement twice is a lie', async () => {
    const sender = await answeredWith(acknowledge(2n), acknowledge(2n))
    await expect(all(sender)).rejects.toMatchObject({ code: 'ERR_MALFORMED' })
  })
})
