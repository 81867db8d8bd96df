/** A contact that floods a node with what does not open: no trace in memory or on the disk, and the chat goes on. `SLOW=1`: 100 000. */
import { beforeEach, expect, test } from 'vitest'
import { MAX_FAILED_TOTAL } from '../../protocol/failed-bodies.ts'
import { concat, toHex, utf8 } from '../../protocol/bytes.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { HOUR } from '../../node/lifetimes.ts'
import { ChatWorld, conversation, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const FLOOD = process.env['SLOW'] === '1' ? 100_000 : 2048
const RUN = 256
/** Version and kind of a first message, and the length of what hides its author. */
const FIRST = Uint8Array.of(1, 2)
const IDENTITY_LENGTH = Uint8Array.of(1, 0x76)

let clock: ManualClock
let world: ChatWorld
let ada: Person
let bob: Person

beforeEach(async () => {
  clock = new ManualClock()
  world = await ChatWorld.create('hostile contact', clock)
  ada = await world.person('ada')
  bob = await world.person('bob')
  await introduce(ada, bob)
  await say('hello')
  await bob.node.conversation('ada').send('hello, ada')
  await until(async () => (await texts(ada, bob)).includes('hello, ada'))
})

async function say(text: string): Promise<void> {
  await ada.node.conversation('bob').send(text)
  await until(async () => (await texts(bob, ada)).includes(text))
}

/** Everything that bob has, sealed as it is. */
async function disk(): Promise<readonly string[]> {
  await settle()
  await bob.core.records.flush()
  const all = await bob.disk.store.iterator().all()
  return all.map(([key, value]) => `${key} ${toHex(value)}`)
}

test('a flood of garbage leaves no trace, and a message after it opens', async () => {
  const random = seededRandom('garbage')
  const kinds: readonly (() => Uint8Array)[] = [
    () => random(random(1)[0] ?? 0),
    () => concat(Uint8Array.of(1, 1), random(356)),
    () => concat(FIRST, random(8), new Uint8Array(5), random(1120), IDENTITY_LENGTH, random(730)),
  ]
  const before = await disk()
  const outcomes = new Set<string>()
  for (let sent = 0; sent < FLOOD; sent += RUN) {
    const run = Array.from({ length: RUN }, (_, i) => kinds[i % 3]?.() ?? new Uint8Array())
    for (const one of await bob.core.inbox.fromPeer(ada.account.key, run)) outcomes.add(one)
  }
  expect([...outcomes].toSorted()).toEqual(['no-session', 'not-authentic', 'unknown-prekey'])
  expect(await disk()).toEqual(before)
  await say('after the flood')
}, 600_000)

test('bodies that do not open, under headers that do, end in another session that works', async () => {
  const options = { now: 0, random: ada.core.random }
  const { sessions } = conversation(ada, bob)
  const session = sendingSession(sessions)
  if (session === undefined) throw new Error('no session')
  const wrong = { ...session, associatedData: new Uint8Array(64) }
  const forged = (i: number): Uint8Array =>
    encryptMessage(wrong, utf8(`forged ${i}`), options).envelope
  for (let hour = 0; hour < 26; hour += 1) {
    const run = Array.from({ length: 10 }, (_, i) => forged(10 * hour + i))
    const outcomes = await bob.core.inbox.fromPeer(ada.account.key, run)
    expect(new Set(outcomes)).toEqual(new Set(['not-authentic']))
    await clock.advance(HOUR)
  }
  expect(10 * 26).toBeGreaterThan(MAX_FAILED_TOTAL)
  expect(conversation(bob, ada).sessions.length).toBeLessThanOrEqual(5)
  await ada.node.conversation('bob').send('after all')
  await clock.advance(HOUR)
  expect(await texts(bob, ada)).toEqual(['hello', 'hello, ada', 'after all'])
})
