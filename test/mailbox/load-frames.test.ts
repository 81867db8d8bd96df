// Frames that are too large, cut, doubled or unknown, sent to a real mailbox over TCP.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { frameHeader } from '../../net/frames.ts'
import {
  encodeMailboxFrame,
  FAILURE,
  MAX_DEPOSIT_BYTES,
  MAX_MAILBOX_FRAME_BYTES,
} from '../../net/mailbox-messages.ts'
import { accountOf } from '../../net/peer-name.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { concat } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { verifyCustody } from '../../protocol/receipt.ts'
import { Dice } from '../campaign/dice.ts'
import { mutateBytes } from '../campaign/mutate.ts'
import { Caller, LoadedMailbox, PATIENT } from '../support/loaded-mailbox.ts'
import { until } from '../support/manual-clock.ts'
import { framed, RawVisit } from '../support/raw-visit.ts'
import { envelope, textOf } from './world.ts'
import type { MailboxBody, MailboxMessage } from '../../net/mailbox-messages.ts'
import type { Ending } from '../support/raw-visit.ts'

/** Streams full of faults, four at a time from each of so many names. */
const STREAMS = process.env['SLOW'] === '1' ? 20_000 : 200
const NAMES = 4
const STREAMS_OF_ONE = 4

/** MiB that they may leave behind: buffers of connections and the collector's slack, far less than what was sent. */
const MAX_GROWTH = 60

let mailbox: LoadedMailbox
let owner: Caller
let stranger: Caller
const received: string[] = []
let serves: (text: string) => Promise<void>

beforeAll(async () => {
  await ready
  mailbox = await LoadedMailbox.start()
  owner = await Caller.start()
  stranger = await Caller.start()
  const acknowledged = new Set<string>()
  const home = await owner.joined(mailbox.meeting, (items) => {
    received.push(...items.map((item) => textOf(item.envelope)))
    const ids = items.map(({ id }) => id)
    void home.acknowledge(ids, PATIENT).then(() => received.forEach((one) => acknowledged.add(one)))
  })
  await home.fetch(PATIENT)
  const sender = stranger.client(mailbox.meeting)
  serves = async (text) => {
    await sender.deposit({ ...to(), envelope: envelope(text) }, PATIENT)
    await until(() => acknowledged.has(text))
  }
})

afterAll(async () => {
  await owner.stop()
  await stranger.stop()
  await mailbox.end()
})

/** Owner and id of a deposit. */
function to() {
  return { owner: owner.account.key, depositId: random(16) }
}

function deposit(id: number, bytes: Uint8Array, depositId = random(16)): Uint8Array {
  const value = { ...to(), depositId, envelope: bytes }
  return encodeMailboxFrame(id, { case: 'deposit', value })
}

/** What became of a stream on which these bytes were sent, and nothing more. */
async function fateOf(...pieces: readonly Uint8Array[]): Promise<Ending> {
  const visit = await RawVisit.open(stranger, mailbox.meeting)
  for (const piece of pieces) visit.send(piece)
  return await visit.finish()
}

function bodiesOf(frames: readonly MailboxMessage[], id: number): readonly MailboxBody[] {
  return frames.filter((frame) => frame.id === id).map(({ body }) => body)
}

function failure(code: number) {
  return expect.objectContaining({ case: 'failure', value: expect.objectContaining({ code }) })
}

test('a frame that is too long ends its stream as soon as its length is told', async () => {
  const lengths = [
    frameHeader(MAX_MAILBOX_FRAME_BYTES + 1),
    Uint8Array.of(0xff, 0xff, 0xff, 0x7f),
    Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1),
    Uint8Array.of(0x80, 0x80, 0x00),
  ]
  for (const length of lengths) {
    const visit = await RawVisit.open(stranger, mailbox.meeting)
    visit.send(length)
    expect(await visit.ended).toBe('reset')
  }
  await serves('afterwards')
})

test('an envelope, a count or a field that is too long is refused, and the stream goes on', async () => {
  const visit = await RawVisit.open(stranger, mailbox.meeting)
  visit.send(framed(deposit(1, envelope('x', { length: MAX_DEPOSIT_BYTES + 1 }))))
  const ids = Array.from({ length: 1025 }, (_, n) => BigInt(n + 1))
  visit.send(framed(encodeMailboxFrame(2, { case: 'acknowledge', value: { ids } })))
  visit.send(framed(deposit(3, envelope('x', { length: MAX_DEPOSIT_BYTES }))))
  const frames = await visit.said(4)
  expect(bodiesOf(frames, 1)).toEqual([failure(FAILURE.tooLarge)])
  expect(bodiesOf(frames, 2)).toEqual([failure(FAILURE.tooLarge)])
  expect(bodiesOf(frames, 3)).toEqual([expect.objectContaining({ case: 'custody' })])
  expect(await visit.finish()).toBe('closed')
})

test('a frame that is cut, by the end of its stream or of its connection, does nothing', async () => {
  const whole = framed(deposit(1, envelope('cut', { length: 5000 })))
  for (const length of [1, 2, 3, 100, whole.length - 1]) {
    expect(await fateOf(whole.subarray(0, length))).toBe('reset')
  }
  const leaver = await Caller.start()
  const left = await RawVisit.open(leaver, mailbox.meeting)
  left.send(whole.subarray(0, -1))
  await left.said(1)
  await leaver.stop()
  await serves('whole')
  expect(received.at(-1)).toBe('whole')
  expect(received).not.toContain('cut')
  const { waiting } = (await mailbox.weigh()).status
  expect(waiting).toBe(0)
})

test('a frame that comes twice is answered twice, with one promise, and kept once', async () => {
  const twice = envelope('twice')
  const frame = framed(deposit(1, twice))
  const visit = await RawVisit.open(stranger, mailbox.meeting)
  visit.send(concat(frame, frame))
  await visit.said(3)
  visit.send(frame)
  const answers = bodiesOf(await visit.said(4), 1)
  expect(answers).toHaveLength(3)
  const expected = {
    mailbox: accountOf(mailbox.meeting.peer),
    owner: owner.account.key,
    envelopeDigest: envelopeDigest(twice),
  }
  const ends = answers.map((body) => {
    if (body.case !== 'custody') throw new Error(`${body.case} instead of a receipt`)
    return verifyCustody(body.value.signed, expected).keptUntil
  })
  expect(new Set(ends).size).toBe(1)
  await visit.finish()
  await serves('once')
  expect(received.slice(-2)).toEqual(['twice', 'once'])
})

test('what is unknown is passed over in a frame, refused as a request, and ends the stream as no frame at all', async () => {
  const visit = await RawVisit.open(stranger, mailbox.meeting)
  const later = Uint8Array.of(0xf8, 0x3f, 1) // field 1023, of a later version
  visit.send(framed(concat(deposit(1, envelope('later')), later)))
  visit.send(
    framed(concat(encodeMailboxFrame(2, { case: 'getStatus', value: {} }).subarray(0, 2), later)),
  )
  visit.send(framed(encodeMailboxFrame(3, { case: 'done', value: {} })))
  const frames = await visit.said(4)
  expect(bodiesOf(frames, 1)).toEqual([expect.objectContaining({ case: 'custody' })])
  expect(bodiesOf(frames, 2)).toEqual([failure(FAILURE.badRequest)])
  expect(bodiesOf(frames, 3)).toEqual([failure(FAILURE.badRequest)])
  await visit.finish()
  expect(await fateOf(framed(new Uint8Array(100).fill(0xff)))).toBe('reset')
  expect(await fateOf(framed(encodeMailboxFrame(0, { case: 'getStatus', value: {} })))).toBe(
    'reset',
  )
  await serves('afterwards')
})

test(`${STREAMS} streams of faults: honest people are served meanwhile, and nothing stays behind`, async () => {
  const dice = new Dice('frames')
  const good = [
    framed(deposit(1, envelope('good', { length: 700 }))),
    framed(encodeMailboxFrame(2, { case: 'getBundle', value: { owner: owner.account.key } })),
    framed(encodeMailboxFrame(3, { case: 'fetch', value: { maxItems: 10 } })),
    framed(encodeMailboxFrame(4, { case: 'join', value: { joinSecret: random(16) } })),
    framed(encodeMailboxFrame(5, { case: 'acknowledge', value: { ids: [1n, 2n] } })),
  ]
  await serves('before')
  const before = await mailbox.weigh()
  let left = STREAMS
  const lane = async (from: Caller): Promise<void> => {
    while (left-- > 0) {
      const visit = await RawVisit.open(from, mailbox.meeting)
      const count = 1 + dice.below(20)
      for (let n = 0; n < count; n++) visit.send(mutateBytes(dice.pick(good), dice, good))
      if (dice.onceIn(4)) visit.leave()
      else await visit.finish()
    }
  }
  const names = await Promise.all(Array.from({ length: NAMES }, () => Caller.start()))
  const lanes = names.flatMap((name) => Array.from({ length: STREAMS_OF_ONE }, () => lane(name)))
  for (let n = 0; left > 0; n++) await serves(`during ${n}`)
  await Promise.all(lanes)
  await Promise.all(names.map((name) => name.stop()))
  await serves('after')
  await until(async () => (await mailbox.weigh()).status.channels === 2)
  const after = await mailbox.weigh()
  expect(after.memory - before.memory).toBeLessThan(MAX_GROWTH)
  expect(after.status.accepted).toBe(after.status.waiting + after.status.removed)
  expect(after.status.damaged).toBe(0)
}, 600_000)
