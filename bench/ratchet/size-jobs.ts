/** The jobs that count bytes. The same in each round; they stand among the others so that all of a subject is in one run. */
import { median } from '../statistics.ts'
import { printable, talkedBothWays } from './jobs.ts'
import type { Pair, Side, Subject } from './subject.ts'

const CONTENT = 32
const MESSAGES = 50

/** How many bytes a message of 32 bytes adds to them, with whatever padding the subject has by itself. */
export function overhead(subject: Subject): Promise<number> {
  return overheadBy(
    subject,
    ({ ours }) =>
      (message) =>
        ours.bytesOf(message),
  )
}

/** The same without padding, and without messages that carry a key of a second ratchet. */
export function overheadUnpadded(subject: Subject): Promise<number> {
  return overheadBy(subject, ({ ours }) => unpadded(ours))
}

/** Bytes of the message that begins a session with 32 bytes of content, one-time keys used. */
export async function firstMessage(subject: Subject): Promise<number> {
  return withPair(await setUp(subject), ({ ours, first }) => ours.bytesOf(first))
}

/** The same without padding. */
export async function firstMessageUnpadded(subject: Subject): Promise<number> {
  return withPair(await setUp(subject), ({ ours, opened, first }) => {
    return unpadded(ours)(first, opened) ?? Number.NaN
  })
}

/** Bytes of the stored session after messages that answered each other. */
export async function sessionState(subject: Subject): Promise<number> {
  return withPair(await afterPingPong(subject), ({ ours }) => ours.storedBytes())
}

/** The same with all that is stored beside the session. */
export async function sessionStateInAll(subject: Subject): Promise<number> {
  return withPair(await afterPingPong(subject), ({ ours }) => {
    return ours.allStoredBytes?.() ?? ours.storedBytes()
  })
}

type LengthOf = (message: unknown, content: Uint8Array) => number | undefined

async function overheadBy(subject: Subject, length: (pair: Pair) => LengthOf): Promise<number> {
  return withPair(await talkedBothWays(subject), async (pair) => {
    const content = printable(CONTENT)
    const lengthOf = length(pair)
    const added: number[] = []
    for (let i = 0; i < MESSAGES; i++) {
      const bytes = lengthOf(await pair.ours.encrypt(content), content)
      if (bytes !== undefined) added.push(bytes - content.length)
    }
    return median(added)
  })
}

function unpadded(side: Side): LengthOf {
  return (message, content) =>
    side.unpaddedBytesOf === undefined
      ? side.bytesOf(message)
      : side.unpaddedBytesOf(message, content)
}

async function setUp(subject: Subject): Promise<Pair> {
  return (await subject.prepare()).setUp(printable(CONTENT))
}

async function afterPingPong(subject: Subject): Promise<Pair> {
  const pair = await talkedBothWays(subject)
  const content = printable(CONTENT)
  for (let i = 0; i < subject.pace.pingPong; i += 2) {
    await pair.theirs.decrypt(await pair.ours.encrypt(content))
    await pair.ours.decrypt(await pair.theirs.encrypt(content))
  }
  return pair
}

async function withPair<T>(pair: Pair, use: (pair: Pair) => T | Promise<T>): Promise<T> {
  const result = await use(pair)
  pair.end?.()
  return result
}
