// The folder of a mailbox is cut and changed at many places. It may be refused, it may be as if nothing had happened, or something is
// missing and the mailbox says so: what is lost never looks like a mailbox that is well.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { compareBytes } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { Dice } from '../campaign/dice.ts'
import { testAccount } from '../support/accounts.ts'
import { openMailboxStore } from '../support/opened-mailbox.ts'
import { envelope } from './world.ts'
import type { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { DamagedStore, Outcome } from '../support/damaged-mailbox.ts'

const MEMBERS = 4
const MAIL = 25
const PLACES = process.env['SLOW'] === '1' ? 100 : 8

const DAY = 86_400_000

const dice = new Dice('store damage')
let root = ''
let owners: readonly AccountKey[] = []

beforeAll(async () => {
  await ready
  root = await mkdtemp(join(tmpdir(), 'sotto-damage-'))
  const accounts = Array.from({ length: MEMBERS }, () => testAccount(random).key)
  owners = accounts.toSorted(compareBytes)
  // The first half is in a table when the folder has been opened again, the second in the log.
  await filled((store) => leave(store, 0))
  await filled((store) => leave(store, 1))
}, 60_000)

afterAll(async () => {
  opener?.kill('SIGKILL')
  await rm(root, { recursive: true, force: true })
})

let opener: ChildProcess | undefined

/** 'ended': LevelDB met what it thinks impossible and ended the process. */
async function outcomeOf(dir: string): Promise<Outcome | 'ended'> {
  opener ??= fork(new URL('../support/damaged-mailbox.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
  const order: DamagedStore = { dir, mail: ALL }
  const settled = new AbortController()
  const { signal } = settled
  const exit = once(opener, 'exit', { signal }).then(() => 'ended' as const)
  const answer = once(opener, 'message', { signal }).then(([outcome]) => outcome as Outcome)
  exit.catch(() => undefined)
  answer.catch(() => undefined)
  opener.send(order)
  const outcome = await Promise.race([answer, exit])
  settled.abort()
  if (outcome === 'ended') opener = undefined
  return outcome
}

async function filled(fill: (store: LevelMailboxStore) => Promise<void>): Promise<void> {
  const { store, close } = await openMailboxStore(join(root, 'whole'))
  await fill(store)
  await close()
}

async function leave(store: LevelMailboxStore, half: number): Promise<void> {
  for (const [at, owner] of owners.entries()) {
    await store.join(owner)
    for (let mail = 0; mail < MAIL; mail++) {
      const bytes = envelope(`${at}/${half}/${mail}`, { length: 500 })
      const now = clock.now()
      await store.deposit({
        ...{ owner, envelope: bytes, depositId: random(16), tokenHash: undefined },
        ...{ envelopeDigest: envelopeDigest(bytes), keptUntil: now + DAY },
        ...{ takenAt: now, expiresAt: now + DAY },
      })
    }
    await store.acknowledge(owner, [half * MAIL + 1])
  }
}

/** All mail that waits. */
const ALL = Array.from({ length: MEMBERS }, (_, at) =>
  [0, 1].flatMap((half) => Array.from({ length: MAIL - 1 }, (__, n) => `${at}/${half}/${n + 1}`)),
)
  .flat()
  .join()

type Damage = (path: string, size: number) => Promise<void>

const DAMAGES: readonly (readonly [string, Damage])[] = [
  ['cut', (path, size) => truncate(path, dice.below(size))],
  ['a flipped bit', (path, size) => change(path, dice.below(size), 1)],
  ['a page of zeros', (path, size) => change(path, dice.below(size), 512)],
]

/** Flips a bit, or writes zeros over more. */
async function change(path: string, at: number, length: number): Promise<void> {
  const bytes = new Uint8Array(await readFile(path))
  if (length === 1) bytes[at] = (bytes[at] ?? 0) ^ (1 << dice.below(8))
  else bytes.fill(0, at, at + length)
  await writeFile(path, bytes)
}

test('without damage everything is there, and nothing is told', async () => {
  const copy = join(root, 'copy')
  await cp(join(root, 'whole'), copy, { recursive: true })
  expect(await outcomeOf(copy)).toBe('whole')
  await rm(copy, { recursive: true })
})

test.each(DAMAGES)(
  '%s in any file of the store ends it, is refused, harmless or told',
  async (_, damage) => {
    const files = (await readdir(join(root, 'whole', 'store'))).filter((name) =>
      /\.(?:log|ldb)$|^(?:MANIFEST|CURRENT)/.test(name),
    )
    expect(files.some((name) => name.endsWith('.ldb'))).toBe(true)
    const silent: string[] = []
    const seen = new Set<string>()
    for (const name of files) {
      for (let place = 0; place < PLACES; place++) {
        const copy = join(root, 'copy')
        await cp(join(root, 'whole'), copy, { recursive: true })
        const path = join(copy, 'store', name)
        const { size } = await stat(path)
        if (size > 0) await damage(path, size)
        const outcome = await outcomeOf(copy)
        seen.add(outcome)
        if (outcome === 'silent') silent.push(`${name} at place ${place}`)
        await rm(copy, { recursive: true })
      }
    }
    expect(silent).toEqual([])
    expect(seen).toContain('told')
  },
  300_000,
)

test('a store that is gone is told of, and so it is after the next start', async () => {
  const copy = join(root, 'copy')
  await cp(join(root, 'whole'), copy, { recursive: true })
  await rm(join(copy, 'store'), { recursive: true })
  expect(await outcomeOf(copy)).toBe('told')
  expect(await outcomeOf(copy)).toBe('told')
  await rm(copy, { recursive: true })
})
