import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { openLevel, type OpenStores } from '../../net/platform/level-store.ts'
import type { DamageKind } from '../../node/api.ts'
import { keys } from '../../node/keys.ts'
import {
  ChatWorld,
  envelopes,
  introduce,
  received,
  texts,
  type Person,
} from '../support/chat-world.ts'
import { flipBit, recordNames, toldDamage } from '../support/damaged-store.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { sourcesOf } from '../support/sources.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

/** How the names of all records begin: what node/keys.ts writes. */
function recordKinds(): readonly string[] {
  const code = sourcesOf('node').find(({ path }) => path === 'node/keys.ts')?.code ?? ''
  const begins = [...code.matchAll(/['`]((?:own|node)\/[a-z]+|[a-z]+\/)/g)]
  return [...new Set(begins.map(([, begin]) => begin ?? ''))].toSorted()
}

/** What damage of each kind is called; undefined where the names say all, or nobody misses it before it is needed. */
const TOLD: Readonly<Record<string, DamageKind | undefined>> = {
  'commit/': undefined,
  'consumer/': undefined,
  'contact/': 'contact',
  'due/': undefined,
  'event/': 'event',
  'generation/': 'session',
  'handshake/': undefined,
  'id/': undefined,
  'message/': 'message',
  'node/self': 'other',
  'outbox/': 'entry',
  'own/bundle': 'bundle',
  'own/clock': 'clock',
  'own/device': 'device',
  'own/issued': 'bundle',
  'own/mailbox': 'mailbox',
  'own/note': undefined,
  'own/pair': 'prekey',
  'own/prekeys': 'prekey',
  'own/recovery': undefined,
  'seen/': undefined,
  'session/': 'session',
  'skipped/': 'key',
}

describe('damaged records of our own', () => {
  let dir: string
  let level: OpenStores
  let clock: ManualClock
  let world: ChatWorld
  let ada: Person
  /** His store is a LevelDB on the disk. */
  let bob: Person
  let endMailbox: () => Promise<void>

  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sotto-own-damage-'))
    level = await openLevel(join(dir, 'store'))
    clock = new ManualClock()
    world = await ChatWorld.create('own damage', clock)
    ada = await world.person('ada')
    bob = await world.person('bob', level.records)
    const { service, link } = await world.mailbox()
    endMailbox = () => service.stop()
    const used = bob.node.mailbox.use(link)
    await rest()
    await used
    await introduce(ada, bob)
    await rest()
    await talk('hello', 'hello, ada')
  })

  afterEach(async () => {
    await ada.node.stop()
    await bob.node.stop()
    await endMailbox()
    await level.close()
    await rm(dir, { recursive: true, force: true })
  })

  /** Time passes, and the disk has written what there was to write. */
  async function rest(ms = MINUTE): Promise<void> {
    for (let at = 0; at < 6; at++) {
      await written()
      await clock.advance(ms / 6)
    }
    await written()
  }

  async function written(): Promise<void> {
    for (let turns = 0; turns < 2; turns++) {
      await settle(40)
      await bob.core.records.flush()
    }
    await settle(40)
  }

  async function agreed(): Promise<void> {
    for (let minutes = 0; minutes < 60 && bob.node.status.clock !== 'agreed'; minutes++) {
      await rest()
    }
    expect(bob.node.status.clock).toBe('agreed')
  }

  async function talk(from: string, back: string): Promise<void> {
    await ada.node.conversation(bob.peer).send(from)
    await rest()
    await bob.node.conversation(ada.peer).send(back)
    await rest()
  }

  /** Both texts arrive, at once or when the session has healed. */
  async function understands(from: string, back: string): Promise<void> {
    await talk(from, back)
    for (let hours = 0; hours < 60; hours++) {
      const arrived = (await texts(bob, ada)).includes(from)
      if (arrived && (await texts(ada, bob)).includes(back)) return
      await rest(HOUR)
    }
    throw new Error(`lost: ${from} or ${back}`)
  }

  /** Stops bob, damages records, and starts him again. */
  async function damageAndRestart(...names: readonly (string | undefined)[]): Promise<void> {
    await bob.node.stop()
    for (const name of names) await flipBit(bob, name)
    await world.restart(bob)
    await rest()
  }

  function first(prefix: string): Promise<string | undefined> {
    return recordNames(bob, prefix).then((names) => names[0])
  }

  function certificateAtAda(): number {
    return ada.core.book.byAccount(bob.account.key)?.contact.certificateSequence ?? 0
  }

  /** Without the event that says so: everything else goes on. */
  async function soundAfterwards(): Promise<void> {
    const before = bob.core.ownKeys.bundle
    await bob.node.stop()
    await world.restart(bob)
    expect(Object.values(bob.node.status.damaged).every((count) => count === 0)).toBe(true)
    expect(bob.core.ownKeys.bundle.digest).toEqual(before.digest)
  }

  test('the device key: another one under a higher certificate, and sessions are made anew', async () => {
    const { bundle } = bob.core.ownKeys
    const sessions = new Set(
      bob.core.book.byAccount(ada.account.key)?.sessions.map(({ id }) => toHex(id)),
    )
    await damageAndRestart(keys.device)
    expect(bob.node.status.damaged).toMatchObject({ device: 1, prekey: 0, bundle: 0 })
    expect(await toldDamage(bob)).toEqual(['device 1'])
    const now = bob.core.ownKeys.bundle
    expect(now.sequence).toBeGreaterThan(bundle.sequence)
    expect(now.certificate.sequence).toBeGreaterThan(bundle.certificate.sequence)
    expect(now.certificate.identityKey).not.toEqual(bundle.certificate.identityKey)
    expect(now.mailboxes).toEqual(bundle.mailboxes)
    await rest(5 * MINUTE)
    expect(certificateAtAda()).toBe(now.certificate.sequence)
    const held = ada.core.book.byAccount(bob.account.key)?.sessions ?? []
    const sending = held.filter(({ phase }) => phase !== 'receive-only')
    expect(sending.length).toBeGreaterThan(0)
    expect(sending.filter(({ id }) => sessions.has(toHex(id)))).toEqual([])
    await understands('is it you?', 'with another key')
    await soundAfterwards()
  })

  test('the device key of somebody verified: the other side looks again before it sends', async () => {
    await ada.node.contacts.verify('bob', ada.node.contacts.safetyNumber('bob'))
    await damageAndRestart(keys.device)
    await rest(5 * MINUTE)
    expect(ada.node.contacts.get('bob').trust).toBe('changed')
    await ada.node.contacts.verify('bob', ada.node.contacts.safetyNumber('bob'))
    await understands('is it you?', 'with another key')
  })

  test('prekeys: others are made and published at once, and the first message that named them heals', async () => {
    const cyd = await world.person('cyd')
    await cyd.node.contacts.add(bob.peer, { name: 'bob' })
    await rest()
    const before = bob.core.ownKeys.bundle
    await bob.node.stop()
    await cyd.node.conversation('bob').send('for prekeys that are gone')
    await rest()
    await damageAndRestart(await first(keys.generations))
    expect(bob.node.status.damaged).toMatchObject({ device: 0, prekey: 1, bundle: 0 })
    expect(await toldDamage(bob)).toEqual(['prekey 1'])
    const now = bob.core.ownKeys.bundle
    expect(now.signedPrekey.id).not.toBe(before.signedPrekey.id)
    expect(now.sequence).toBeGreaterThan(before.sequence)
    expect(now.certificate.identityKey).toEqual(before.certificate.identityKey)
    expect([...world.directory.values.values()]).toContainEqual(now.bytes)
    expect(await received(bob)).toHaveLength(1)
    await rest(2 * DAY)
    expect((await received(bob)).map(({ text }) => text)).toContain('for prekeys that are gone')
    await understands('still there?', 'yes')
    await soundAfterwards()
    await cyd.node.stop()
  })

  test('the bundle: another one with a higher sequence and the same mailboxes', async () => {
    const before = bob.core.ownKeys.bundle
    await damageAndRestart(keys.bundle)
    expect(bob.node.status.damaged).toMatchObject({ device: 0, prekey: 0, bundle: 1 })
    expect(await toldDamage(bob)).toEqual(['bundle 1'])
    const now = bob.core.ownKeys.bundle
    expect(now.sequence).toBeGreaterThan(before.sequence)
    expect(now.mailboxes).toEqual(before.mailboxes)
    expect(bob.core.ownKeys.bundleKnown(before.sequence, before.digest)).toBe(true)
    expect([...world.directory.values.values()]).toContainEqual(now.bytes)
    await understands('still there?', 'yes')
    await soundAfterwards()
  })

  test('no sequence is used twice, whatever is damaged and whatever the clock says', async () => {
    bob.process.skew = 400 * DAY
    await bob.core.confirmClock()
    await bob.core.ownKeys.rotate()
    const { sequence } = bob.core.ownKeys.bundle
    expect(sequence).toBeGreaterThan(clock.now() + 300 * DAY)
    await bob.node.stop()
    bob.process.skew = 0
    const own = (await recordNames(bob, 'own/')).filter((name) => !/pair|mailbox/.test(name))
    for (const name of own) await flipBit(bob, name)
    await world.restart(bob)
    expect(bob.core.ownKeys.bundle.sequence).toBeGreaterThan(sequence)
    expect(bob.core.ownKeys.bundle.certificate.sequence).toBeGreaterThan(sequence)
    expect(bob.node.status.clock).toBe('back')
  })

  test('what is known of the bundle: the bundle says it of itself', async () => {
    const { bundle } = bob.core.ownKeys
    const [newest] = (await recordNames(bob, keys.issuedBundles)).toReversed()
    await damageAndRestart(newest)
    expect(bob.node.status.damaged).toMatchObject({ bundle: 1 })
    expect(bob.core.ownKeys.bundle.digest).toEqual(bundle.digest)
    expect(bob.core.ownKeys.bundleKnown(bundle.sequence, bundle.digest)).toBe(true)
    await soundAfterwards()
  })

  test('the last reading of the clock: nothing is destroyed until somebody agrees', async () => {
    const cyd = await world.person('cyd')
    await introduce(bob, cyd)
    await rest()
    await cyd.node.conversation('bob').send('hi')
    await rest()
    await damageAndRestart(keys.clock)
    expect(bob.node.status.damaged).toMatchObject({ clock: 1 })
    expect(await toldDamage(bob)).toEqual(['clock 1'])
    await agreed() // his mailbox says so
    await endMailbox()
    await damageAndRestart(keys.clock)
    expect(bob.node.status.clock).toBe('off')
    expect(bob.core.ownKeys.guard.destroyBy).toBeUndefined()
    await rest(DAY)
    expect(bob.core.ownKeys.guard.destroyBy).toBeUndefined()
    await world.restart(bob)
    expect(bob.core.ownKeys.guard.destroyBy).toBeUndefined()
    await ada.node.conversation('bob').send('what time is it?')
    await rest()
    expect(bob.node.status.clock).toBe('off')
    await cyd.node.conversation('bob').send('the same')
    await rest()
    await agreed()
    expect(bob.core.ownKeys.guard.destroyBy).toBe(clock.now())
    await cyd.node.stop()
  })

  test('a mailbox: the bundle says where it is; with the bundle it is gone', async () => {
    const [mailbox] = bob.node.mailbox.list()
    await damageAndRestart(await first(keys.mailboxes))
    expect(bob.node.status.damaged).toMatchObject({ mailbox: 1 })
    expect(bob.node.mailbox.list()).toMatchObject([{ peer: mailbox?.peer, connected: true }])
    await soundAfterwards()
    await damageAndRestart(keys.bundle, await first(keys.mailboxes))
    expect(bob.node.mailbox.list()).toEqual([])
    expect(await toldDamage(bob)).toEqual(['mailbox 1', 'bundle 1', 'mailbox 1'])
    await soundAfterwards()
  })

  test('our name, and how far a consumer has read', async () => {
    const read = async (): Promise<number> => {
      for await (const event of bob.node.events({ consumer: 'screen' })) {
        if (event.seq === undefined) continue
        void event.ack() // rides with the next batch, which needs time
        return event.seq
      }
      return 0
    }
    expect(await read()).toBe(1)
    await rest()
    expect(await read()).toBe(2)
    await rest()
    await damageAndRestart(keys.self, keys.consumer('screen'))
    expect(bob.core.name).toBe('')
    expect(bob.node.status.damaged.other).toBe(1)
    expect(await read()).toBe(1) // again, sooner than not at all
    expect(bob.node.status.damaged.other).toBe(2)
    expect(await toldDamage(bob)).toEqual(['other 1'])
  })

  test('another data key is no damage: nothing opens, nothing is made anew, the node does not start', async () => {
    await bob.node.stop()
    const before = await recordNames(bob, '')
    for (const name of before) await flipBit(bob, name)
    await expect(world.restart(bob)).rejects.toMatchObject({ code: 'ERR_CORRUPT' })
    expect(await recordNames(bob, '')).toEqual(before)
  })

  test('a record of every kind that there is: the node starts, says it, and chats on', async () => {
    for await (const event of bob.node.events({ consumer: 'screen' })) {
      void event.ack()
      break
    }
    await rest()
    world.network.part(ada.peer, bob.peer)
    for (const text of ['one', 'two']) await ada.node.conversation('bob').send(text)
    await bob.node.conversation('ada').send('three')
    await settle(40)
    const [lost, came] = envelopes(ada, bob)
    if (lost === undefined || came === undefined) throw new Error('nothing sent')
    await bob.core.inbox.fromMailbox(ada.peer, [came])
    await settle(40)
    await bob.node.stop()
    const kinds = recordKinds()
    const found = await recordNames(bob, '')
    expect(kinds.length).toBeGreaterThan(15)
    expect(found.filter((name) => !kinds.some((kind) => name.startsWith(kind)))).toEqual([])
    // It comes with a recovery.
    const missing = kinds.filter((kind) => !found.some((name) => name.startsWith(kind)))
    expect(missing).toEqual(['own/recovery'])
    expect(kinds).toEqual(Object.keys(TOLD).toSorted())
    world.network.join(ada.peer, bob.peer)
    // What is on its way is settled by the first start.
    const first = ['due/', 'outbox/', ...missing]
    const later = kinds.filter((kind) => !first.includes(kind))
    for (const together of [['due/', 'outbox/'], ...later.map((kind) => [kind])]) {
      for (const kind of together) await flipBit(bob, (await recordNames(bob, kind)).at(-1), 37)
      await world.restart(bob)
      await rest(DAY + HOUR)
      if (bob.node.contacts.list().length === 0) {
        await bob.node.contacts.add(ada.peer, { name: 'ada' })
      }
      const about = together.join()
      await understands(`after ${about}`, `and after ${about}, ada`)
      await received(bob)
      for (const what of together.map((kind) => TOLD[kind])) {
        if (what !== undefined) expect(bob.node.status.damaged[what], about).toBe(1)
      }
      await bob.node.stop()
    }
    await world.restart(bob)
  })
})
