// Visitors whose bytes come drop by drop, many at once, at a real mailbox over TCP.
import { afterEach, beforeAll, expect, test } from 'vitest'
import { frameHeader } from '../../net/frames.ts'
import { encodeMailboxFrame, MAX_MAILBOX_FRAME_BYTES } from '../../net/mailbox-messages.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { concat } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { testBundle } from '../support/accounts.ts'
import { Caller, LoadedMailbox, PATIENT } from '../support/loaded-mailbox.ts'
import { until } from '../support/manual-clock.ts'
import { framed, RawVisit } from '../support/raw-visit.ts'
import { envelope, textOf } from './world.ts'
import type { MailboxClient } from '../../net/mailbox-client.ts'
import type { MailboxLimits } from '../../mailbox/limits.ts'

const MIB = 1024 * 1024

/** Names, with as many streams as each may have. */
const NAMES = 12
const STREAMS_OF_ONE = 4
const STREAMS = NAMES * STREAMS_OF_ONE

/** Between two drops of a stream. Only a pace: nothing waits for it. */
const DROP_MS = 20

/** Of one visitor, with answers of 2 KiB: 6 MiB, far more than a mailbox may hold for one who does not read. */
const QUESTIONS = 3000

/** MiB beside what the mailbox may hold for all of them: what the collector has not given back yet. */
const MAX_GROWTH = 300

const endings: (() => Promise<unknown>)[] = []

beforeAll(() => ready)
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

async function start(limits: Partial<MailboxLimits>): Promise<LoadedMailbox> {
  const mailbox = await LoadedMailbox.start(limits)
  endings.push(() => mailbox.end())
  return mailbox
}

async function caller(): Promise<Caller> {
  const made = await Caller.start()
  endings.push(() => made.stop())
  return made
}

/** An owner who waits for mail, and a stranger who leaves some: resolves when the owner has it and has said so. */
async function honest({ meeting }: LoadedMailbox): Promise<(text: string) => Promise<void>> {
  const owner = await caller()
  const waiting = new Map<string, () => void>()
  const home = await owner.joined(meeting, (items) => {
    const ids = items.map(({ id }) => id)
    const texts = items.map((item) => textOf(item.envelope))
    void home.acknowledge(ids, PATIENT).then(() => {
      for (const text of texts) waiting.get(text)?.()
    })
  })
  await home.fetch(PATIENT)
  const from = await caller()
  let sender: MailboxClient | undefined
  const onClosed = (): void => (sender = undefined) // without a request it ends by itself
  return async (text) => {
    const had = new Promise<void>((resolve) => waiting.set(text, resolve))
    const to = { owner: owner.account.key, depositId: random(16) }
    const deposit = { ...to, envelope: envelope(text, { length: 20_000 }) }
    for (let kept = false; !kept;) {
      sender ??= from.client(meeting, onClosed)
      kept = await sender.deposit(deposit, PATIENT).then(
        () => true,
        (cause: unknown) => {
          if (sender !== undefined) throw cause
          return false
        },
      )
    }
    await had
  }
}

async function visits({ meeting }: LoadedMailbox): Promise<readonly RawVisit[]> {
  const all: RawVisit[] = []
  for (let name = 0; name < NAMES; name++) {
    const from = await caller()
    for (let n = 0; n < STREAMS_OF_ONE; n++) all.push(await RawVisit.open(from, meeting))
  }
  return all
}

/** Keeps all of them dripping until the function that it returns is called. */
function drip(all: readonly RawVisit[], drop: (turn: number) => Uint8Array): () => void {
  let turn = 0
  const timer = setInterval(() => {
    for (const visit of all) visit.send(drop(turn))
    turn++
  }, DROP_MS)
  return () => clearInterval(timer)
}

test(`${STREAMS} visitors whose frame does not end are closed in their time, and others are served meanwhile`, async () => {
  const mailbox = await start({ idleMs: 1500 })
  const serves = await honest(mailbox)
  const dripping = await visits(mailbox)
  const header = frameHeader(MAX_MAILBOX_FRAME_BYTES)
  const stop = drip(dripping, (turn) => (turn === 0 ? header : new Uint8Array(1)))
  let over = false
  const ended = Promise.all(dripping.map((visit) => visit.ended)).then(() => (over = true))
  for (let n = 0; !over; n++) await serves(`while it drips ${n}`)
  await ended
  stop()
  for (const visit of dripping) visit.leave()
  // The owner was silent for as long, and is still there: who waits for mail may be.
  await serves('afterwards')
  await until(async () => (await mailbox.weigh()).status.channels <= 2)
})

test('a request whose bytes come one at a time is answered all the same', async () => {
  const mailbox = await start({})
  const visit = await RawVisit.open(await caller(), mailbox.meeting)
  const value = { owner: (await caller()).account.key }
  const bytes = framed(encodeMailboxFrame(7, { case: 'getBundle', value }))
  const stop = drip([visit], (turn) => bytes.subarray(turn, turn + 1))
  expect((await visit.said(2)).at(-1)?.id).toBe(7)
  stop()
  expect(await visit.finish()).toBe('closed')
})

test(`${STREAMS} large frames without their last byte: those that hold most go, and the memory stays bounded`, async () => {
  const mailbox = await start({ unreadBytes: 8 * MIB })
  const serves = await honest(mailbox)
  await serves('before')
  const before = await mailbox.weigh()
  const unfinished = framed(new Uint8Array(MAX_MAILBOX_FRAME_BYTES)).subarray(0, -1)
  const all = await visits(mailbox)
  let [reset, count] = [0, 0]
  for (const visit of all) void visit.ended.then((ending) => (reset += ending === 'reset' ? 1 : 0))
  for (const visit of all) {
    visit.send(unfinished)
    await serves(`meanwhile ${count++}`)
  }
  const room = Math.floor((8 * MIB) / MAX_MAILBOX_FRAME_BYTES)
  await until(() => reset >= STREAMS - room)
  const after = await mailbox.weigh()
  expect(after.memory - before.memory).toBeLessThan(MAX_GROWTH)
  expect(after.status.channels).toBeLessThanOrEqual(room + 2)
  await serves('after')
})

test(`${STREAMS} visitors who do not read their answers are cut off, and others are served meanwhile`, async () => {
  const mailbox = await start({ drainMs: 1500 })
  const serves = await honest(mailbox)
  const member = await caller()
  const home = await member.joined(mailbox.meeting, () => undefined)
  const now = systemClock.now()
  await home.putBundle(testBundle(member.account, { sequence: 1, now }, random).bytes, PATIENT)
  await serves('before')
  const before = await mailbox.weigh()
  const deaf = await visits(mailbox)
  const value = { owner: member.account.key }
  const question = framed(encodeMailboxFrame(1, { case: 'getBundle', value }))
  const questions = concat(...Array.from({ length: QUESTIONS }, () => question))
  for (const visit of deaf) {
    visit.stopReading()
    visit.send(questions)
  }
  let over = false
  const ended = Promise.all(deaf.map((visit) => visit.ended)).then((all) => {
    over = true
    return all
  })
  for (let n = 0; !over; n++) await serves(`meanwhile ${n}`)
  expect(new Set(await ended)).toEqual(new Set(['reset']))
  const after = await mailbox.weigh()
  expect(after.memory - before.memory).toBeLessThan(MAX_GROWTH)
})
