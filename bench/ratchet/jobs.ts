/** The jobs of the ratchet benchmark that take time. Each returns the value of one sample and checks what it decrypted. */
import { median } from '../statistics.ts'
import type { Pair, Subject } from './subject.ts'

const FIRST = printable(32)
export const REVERSED = 1_000
/** As many for a fast subject as for a slow one: what waits costs memory, and time to look after it. */
const UNDER_WAY = 100
/** Of what is over in a few milliseconds one time says nothing: the compiler is still at work. */
const SAMPLE_MS = 200

/**
 * Messages per second, one direction: a run is encrypted, then decrypted in order, until there are enough. Only who needs a
 * promise pays for one.
 */
export async function oneWay(subject: Subject, bytes: number): Promise<number> {
  const pair = await talkedBothWays(subject)
  const plaintext = printable(bytes)
  const count = subject.pace.oneWay
  let last: unknown
  const seconds = await timed(async () => {
    for (let done = 0; done < count; done += UNDER_WAY) {
      const messages: unknown[] = []
      while (messages.length < Math.min(UNDER_WAY, count - done)) {
        const message = pair.ours.encrypt(plaintext)
        messages.push(message instanceof Promise ? await message : message)
      }
      for (const message of messages) {
        last = pair.theirs.decrypt(message)
        if (last instanceof Promise) last = await last
      }
    }
  })
  same(last, plaintext)
  pair.end?.()
  return count / seconds
}

/** Messages per second where each answers the one before, so that each turns the Diffie-Hellman ratchet. */
export async function pingPong(subject: Subject): Promise<number> {
  const pair = await talkedBothWays(subject)
  const plaintext = printable(32)
  const turns = Math.ceil(subject.pace.pingPong / 2)
  let last: unknown
  const seconds = await timed(async () => {
    for (let i = 0; i < turns; i++) {
      await pair.theirs.decrypt(await pair.ours.encrypt(plaintext))
      last = await pair.ours.decrypt(await pair.theirs.encrypt(plaintext))
    }
  })
  same(last, plaintext)
  pair.end?.()
  return (2 * turns) / seconds
}

/** Sessions per second: from the bundle to the first message opened, keys made beforehand. */
export async function setUp(subject: Subject): Promise<number> {
  const count = subject.pace.setUp
  const prepared = await Promise.all(Array.from({ length: count }, () => subject.prepare()))
  const pairs: Pair[] = []
  const seconds = await timed(async () => {
    for (const one of prepared) pairs.push(await one.setUp(FIRST))
  })
  for (const pair of pairs) {
    same(pair.opened, FIRST)
    pair.end?.()
  }
  return count / seconds
}

/** Milliseconds to open 1000 messages that arrive last first: the median of as many times as fill a sample. */
export async function reversed(subject: Subject): Promise<number> {
  const times: number[] = []
  for (let spent = 0; spent < SAMPLE_MS; spent += times.at(-1) ?? SAMPLE_MS) {
    times.push(await reversedOnce(subject))
  }
  return median(times)
}

async function reversedOnce(subject: Subject): Promise<number> {
  const pair = await talkedBothWays(subject)
  const plaintext = printable(32)
  const messages: unknown[] = []
  for (let i = 0; i < REVERSED; i++) messages.push(await pair.ours.encrypt(plaintext))
  messages.reverse()
  let last: unknown
  const seconds = await timed(async () => {
    for (const message of messages) last = await pair.theirs.decrypt(message)
  })
  same(last, plaintext)
  pair.end?.()
  return seconds * 1000
}

/** A pair that has exchanged messages in both directions, so that no handshake rides along any more. */
export async function talkedBothWays(subject: Subject): Promise<Pair> {
  const pair = await (await subject.prepare()).setUp(FIRST)
  same(pair.opened, FIRST)
  for (let i = 0; i < 3; i++) {
    await pair.ours.decrypt(await pair.theirs.encrypt(FIRST))
    await pair.theirs.decrypt(await pair.ours.encrypt(FIRST))
  }
  return pair
}

async function timed(work: () => Promise<void>): Promise<number> {
  const started = performance.now()
  await work()
  return (performance.now() - started) / 1000
}

/** Random printable ASCII: some subjects take text only. */
export function printable(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length)).map((byte) => 33 + (byte % 90))
}

function same(opened: unknown, plaintext: Uint8Array): void {
  const equal =
    opened instanceof Uint8Array &&
    opened.length === plaintext.length &&
    opened.every((byte, index) => byte === plaintext[index])
  if (!equal) throw new Error('A subject did not decrypt what was encrypted')
}
