// A node on a real LevelDB folder that somebody has hurt while it was down: it starts as ever with everything, or starts with a
// notice and leaves its sessions, or refuses to start. It never starts as ever with something missing.

import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import { HomeError } from '../../net/platform/home-error.ts'
import { openHome, type Home } from '../../net/platform/home.ts'
import { lastWitnessFile, witnessFile } from '../../net/platform/witness-file.ts'
import { StoreError } from '../../net/store-error.ts'
import type { StoreSurroundings } from '../../node/continuity.ts'
import { ChatWorld, introduce, texts, type Person } from '../support/chat-world.ts'
import { ManualClock } from '../support/manual-clock.ts'

const SECOND = 1_000
const MINUTE = 60_000

let base: string
let dir: string
let world: ChatWorld
let clock: ManualClock
let ada: Person
let bob: Person
let home: Home

beforeAll(() => ready)

beforeEach(async () => {
  base = await mkdtemp(join(tmpdir(), 'sotto-hurt-'))
  dir = join(base, 'bob')
  clock = new ManualClock()
  world = await ChatWorld.create('hurt store', clock)
  ada = await world.person('ada')
  home = await openHome(dir, { create: {} })
  bob = await world.person('bob', home.store, around())
  await introduce(ada, bob)
  await say(ada, bob, 'hello')
  await say(bob, ada, 'hello, ada')
  await down()
  await up() // what is behind this is in tables, what comes in the log
  await say(ada, bob, 'second')
})

afterEach(async () => {
  await ada.node.stop()
  await down().catch(() => undefined)
  await rm(base, { recursive: true, force: true })
})

function around(): StoreSurroundings {
  return { isCut: home.isCut, witnesses: [witnessFile(dir), lastWitnessFile(dir)] }
}

async function say(from: Person, to: Person, text: string): Promise<void> {
  const before = await heard(to)
  await from.node.conversation(to.name).send(text)
  await until(async () => (await heard(to)) > before)
}

async function heard(person: Person): Promise<number> {
  return (await texts(person, person === ada ? bob : ada)).filter((text) => text !== '…').length
}

async function until(isDone: () => Promise<boolean>): Promise<void> {
  for (let turn = 0; turn < 400 && !(await isDone()); turn++) {
    await clock.advance(SECOND / 4)
    await new Promise((resolve) => setTimeout(resolve, 2)) // the disk
  }
  expect(await isDone()).toBe(true)
}

async function down(): Promise<void> {
  await bob.node.stop()
  await bob.core.records.close().catch(() => undefined) // closed by an earlier call
  await home.close()
}

async function up(): Promise<void> {
  home = await openHome(dir)
  await world.startOn(bob, home.store, around())
}

function sendingId(of: Person, other: Person): string {
  const conversation = of.core.book.byAccount(other.account.key)
  if (conversation === undefined) return 'none'
  const { sessions, contact } = conversation
  return toHex(sendingSession(sessions, contact.handshakes)?.id ?? new Uint8Array())
}

/** The newest log of the database: what was written since it was opened. */
async function log(): Promise<string> {
  const names = (await readdir(join(dir, 'store'))).filter((name) => name.endsWith('.log'))
  return join(dir, 'store', names.toSorted().at(-1) ?? 'none')
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await readFile(path)
  bytes[at] = (bytes[at] ?? 0) ^ 0x10
  await writeFile(path, bytes)
}

/** What they go on with after it. */
async function goesOn(): Promise<void> {
  await say(ada, bob, 'are you there?')
  await say(bob, ada, 'I am')
  expect(ada.node.contacts.get('bob').irregularities.diverged).toBe(0)
  expect(sendingId(bob, ada)).toBe(sendingId(ada, bob))
}

describe('a store that is whole', () => {
  test('starts as ever, after a stop and after a crash', async () => {
    await down()
    await up()
    expect(bob.node.status.recovery).toBeNull()
    const before = sendingId(bob, ada)
    await goesOn()
    expect(sendingId(bob, ada)).toBe(before)
    const copy = join(base, 'crashed')
    await cp(dir, copy, { recursive: true }) // as a killed process leaves it
    await down()
    await rm(dir, { recursive: true })
    await cp(copy, dir, { recursive: true })
    await up()
    expect(bob.node.status.recovery).toBeNull()
    await goesOn()
  })
})

describe('what is found', () => {
  const wounds: readonly (readonly [string, () => Promise<void>])[] = [
    ['the end of its log is torn off', async () => truncate(await log(), (await size()) - 30)],
    ['half of its log is gone', async () => truncate(await log(), Math.floor((await size()) / 2))],
    ['its log is gone', async () => rm(await log())],
    ['a bit of its log is flipped', async () => flip(await log(), Math.floor((await size()) / 3))],
  ]
  const size = async (): Promise<number> => (await stat(await log())).size

  test.each(wounds)('%s', async (_, hurt) => {
    const before = sendingId(bob, ada)
    await down()
    await hurt()
    await up()
    expect(bob.node.status.recovery).toMatchObject({ reason: expect.stringMatching(/hole|older/) })
    const types: string[] = []
    for await (const { type, seq } of bob.node.events({ from: 'start' })) {
      types.push(type)
      if (seq === bob.core.events.head) break
    }
    expect(types).toContain('node.recovery')
    await until(async () => bob.node.status.recovery?.waiting === 0)
    await goesOn()
    expect(sendingId(bob, ada)).not.toBe(before)
    await down()
    await up()
    const at = bob.node.status.recovery?.at
    expect(at).toBeLessThan(clock.now())
    await goesOn()
  })

  test('an older copy of the store', async () => {
    await down()
    await cp(join(dir, 'store'), join(base, 'older'), { recursive: true })
    await up()
    await say(ada, bob, 'third')
    await say(bob, ada, 'fourth')
    await down()
    await rm(join(dir, 'store'), { recursive: true })
    await cp(join(base, 'older'), join(dir, 'store'), { recursive: true })
    await up()
    expect(bob.node.status.recovery).toMatchObject({ reason: 'older' })
    await goesOn()
    // Ada has a receipt for it, and does not send it again.
    expect(await texts(bob, ada)).toContain('second')
    expect(await texts(bob, ada)).not.toContain('third')
  })

  test('what was on its way when the copy was made comes all the same, once', async () => {
    world.network.part(ada.peer, bob.peer)
    await ada.node.conversation('bob').send('on its way')
    await bob.node.conversation('ada').send('mine, too')
    await clock.advance(MINUTE)
    await down()
    await cp(join(dir, 'store'), join(base, 'older'), { recursive: true })
    await up()
    world.network.join(ada.peer, bob.peer)
    await until(async () => (await texts(ada, bob)).includes('mine, too'))
    await down()
    await rm(join(dir, 'store'), { recursive: true })
    await cp(join(base, 'older'), join(dir, 'store'), { recursive: true })
    await up()
    expect(bob.node.status.recovery).not.toBeNull()
    await goesOn()
    const said = await texts(ada, bob)
    expect(said.filter((text) => text === 'mine, too')).toHaveLength(1)
  })
})

test('an older copy of everything is found by what a mailbox keeps, and one that goes on from there is not', async () => {
  const { link, service } = await world.mailbox()
  const cyd = await world.person('cyd')
  await cyd.node.contacts.add(ada.peer, { name: 'ada' })
  await ada.node.contacts.add(cyd.peer, { name: 'cyd' })
  await cyd.node.mailbox.use(link)
  await ada.node.conversation('cyd').send('one')
  await cyd.node.conversation('ada').send('two')
  await clock.advance(MINUTE)
  const older = await world.backup(cyd)
  await ada.node.conversation('cyd').send('later')
  await clock.advance(6 * MINUTE)
  await world.restart(cyd)
  await clock.advance(MINUTE)
  expect(cyd.node.status.recovery).toBeNull()
  await world.restore(cyd, older)
  for (let turn = 0; turn < 60 && cyd.node.status.recovery === null; turn++) {
    await clock.advance(SECOND)
  }
  // By the time of the answer it may have written as much as the other had.
  expect(cyd.node.status.recovery?.reason).toMatch(/older|other/)
  await clock.advance(MINUTE)
  await ada.node.conversation('cyd').send('three')
  await cyd.node.conversation('ada').send('four')
  await clock.advance(MINUTE)
  expect(await texts(cyd, ada)).toContain('three')
  expect(await texts(ada, cyd)).toContain('four')
  await world.restart(cyd)
  const at = cyd.node.status.recovery?.at
  await clock.advance(MINUTE)
  expect(cyd.node.status.recovery?.at).toBe(at)
  await cyd.node.stop()
  await service.stop()
})

/** One byte of so many is flipped or cut at; each of them with `SLOW=1`. */
const STRIDE = process.env['SLOW'] === '1' ? 1 : 997

const HURTS: readonly (readonly [string, RegExp, (path: string, at: number) => Promise<void>])[] = [
  ['a flipped bit in a log', /\.log$/, flip],
  ['a flipped bit in a table', /\.ldb$/, flip],
  ['a flipped bit in what names them', /^(?:CURRENT|MANIFEST)/, flip],
  ['a log that is cut', /\.log$/, truncate],
  ['a table that is cut', /\.ldb$/, truncate],
  ['names that are cut', /^(?:CURRENT|MANIFEST)/, truncate],
]

test.each(HURTS)(
  '%s is refused, told of, or harmless, wherever it is',
  async (what, files, hurt) => {
    const all = await soundly()
    const counts = { refused: 0, told: 0, harmless: 0 }
    const missing: string[] = []
    for (const name of (await readdir(join(dir, 'store'))).filter((each) => files.test(each))) {
      const { size } = await stat(join(dir, 'store', name))
      for (let at = 0; at < size; at += Math.min(STRIDE, Math.ceil(size / 7))) {
        await hurt(join(dir, 'store', name), at)
        const found = await outcome(all).catch((cause: unknown) => String(cause))
        if (found === 'refused' || found === 'told' || found === 'harmless') counts[found]++
        else missing.push(`${name} ${at}: ${found}`)
        await restored()
      }
    }
    process.stdout.write(`${what}: ${JSON.stringify(counts)}\n`)
    expect(missing).toEqual([])
    expect(counts.refused + counts.told).toBeGreaterThan(0)
    await up()
    expect(bob.node.status.recovery).toBeNull()
  },
  7_200_000,
)

test('a file of the store that is gone is refused or told of', async () => {
  const all = await soundly()
  for (const name of await readdir(join(dir, 'store'))) {
    if (/^(?:LOCK|LOG|LOG\.old)$/.test(name)) continue
    await rm(join(dir, 'store', name))
    expect(await outcome(all), name).toMatch(/refused|told/)
    await restored()
  }
})

/** Stops, and keeps a copy. What is in the store. */
async function soundly(): Promise<ReadonlyMap<string, string>> {
  await down()
  await cp(dir, join(base, 'sound'), { recursive: true })
  home = await openHome(dir)
  const content = await contentOf(home)
  await home.close()
  await restored()
  return content
}

async function restored(): Promise<void> {
  await rm(dir, { recursive: true })
  await cp(join(base, 'sound'), dir, { recursive: true })
}

async function contentOf({ store }: Home): Promise<ReadonlyMap<string, string>> {
  const content = new Map<string, string>()
  for await (const [key, value] of store.iterator()) content.set(key, toHex(value))
  return content
}

async function outcome(
  all: ReadonlyMap<string, string>,
): Promise<'refused' | 'told' | 'harmless' | 'missing'> {
  let found: ReadonlyMap<string, string>
  try {
    home = await openHome(dir)
    found = await contentOf(home).catch(() => new Map())
    await world.startOn(bob, home.store, around())
    await home.settled()
  } catch (cause) {
    if (!(cause instanceof HomeError || cause instanceof StoreError)) throw cause
    await home.close()
    return 'refused'
  }
  try {
    const { recovery, damaged } = bob.node.status
    if (recovery !== null || Object.values(damaged).some((count) => count > 0)) return 'told'
    return [...all].every(([key, value]) => found.get(key) === value) ? 'harmless' : 'missing'
  } finally {
    await down()
  }
}

const REOPENINGS = process.env['SLOW'] === '1' ? 200 : 20

test(`${REOPENINGS} folders whose log ends at the end of a write: told of, or as a crash leaves it`, async () => {
  for (let at = 0; at < REOPENINGS / 2; at++) {
    await say(ada, bob, `from ada ${at}`)
    await say(bob, ada, `from bob ${at}`)
  }
  await down()
  await cp(dir, join(base, 'sound'), { recursive: true })
  const ends = writeEnds(await readFile(await log()))
  expect(ends.length).toBeGreaterThan(REOPENINGS)
  for (let turn = 0; turn < REOPENINGS; turn++) {
    const end = ends[Math.floor(((ends.length - 1) * turn) / REOPENINGS)] ?? 0
    await truncate(await log(), end)
    const isCrash = turn % 2 === 0
    // What a power failure at that moment would have left: nothing was noted yet of what came after it.
    for (const name of isCrash ? ['witness', 'witness.last'] : []) await rm(join(dir, name))
    await up()
    expect(bob.node.status.recovery?.reason, `cut at ${end}`).toBe(isCrash ? undefined : 'older')
    expect(Object.values(bob.node.status.damaged).every((count) => count === 0)).toBe(true)
    const said = await texts(bob, ada)
    expect(new Set(said).size).toBe(said.length)
    await down()
    await rm(dir, { recursive: true })
    await cp(join(base, 'sound'), dir, { recursive: true })
  }
  await up()
  expect(bob.node.status.recovery).toBeNull()
}, 300_000)

/** Where whole writes end in a log of LevelDB: blocks of 32 KiB, records of `u32 checksum ‖ u16 length ‖ u8 type`, little-endian. */
function writeEnds(bytes: Uint8Array): readonly number[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const ends: number[] = []
  for (let at = 0; at + 7 <= bytes.length;) {
    const left = 32_768 - (at % 32_768)
    const type = left < 7 ? 0 : view.getUint8(at + 6)
    if (type === 0) {
      at += left // nothing more in this block
      continue
    }
    at += 7 + view.getUint16(at + 4, true)
    if (type === 1 || type === 4) ends.push(at)
  }
  return ends
}
