import { inspect } from 'node:util'
import { beforeEach, expect, test } from 'vitest'
import { dh, kemDecapsulate, kemEncapsulate } from '../../protocol/crypto.ts'
import { verifyBundle } from '../../protocol/bundle.ts'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { Secret } from '../../protocol/secret.ts'
import { testAccount } from '../support/accounts.ts'
import { seededRandom } from '../support/random.ts'
import { DAY, HOUR, OwnWorld } from './own-world.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { VerifiedBundle } from '../../protocol/bundle.ts'
import type { OwnKeys } from '../../node/own-keys.ts'

let world: OwnWorld
let mailbox: AccountKey

beforeEach(async () => {
  world = await OwnWorld.start()
  mailbox = testAccount(seededRandom('a mailbox')).key
})

test('the first start makes a device and a bundle that anybody can verify', () => {
  const { keys, account, clock } = world
  const bundle = verifyBundle(keys.bundle.bytes, { account: account.key, now: clock.now() })
  expect(bundle.certificate.identityKey).toEqual(keys.device.identityKeyPair.publicKey)
  expect(bundle.certificate.bytes).toEqual(keys.device.certificate.bytes)
  expect(bundle.expiresAt - bundle.issuedAt).toBe(30 * DAY)
  expect(bundle.certificate.expiresAt - bundle.certificate.issuedAt).toBe(180 * DAY)
})

test('the same keys come back after a crash', async () => {
  const { bundle, device } = world.keys
  const next = world.again()
  await next.keys.start()
  expect(next.keys.bundle.bytes).toEqual(bundle.bytes)
  expect(next.keys.device.certificate.bytes).toEqual(device.certificate.bytes)
  const named = namedBy(next.keys, bundle)
  expect(named?.signed.keyPair.publicKey).toEqual(bundle.signedPrekey.key)
  expect(named?.kem.publicKey).toEqual(bundle.lastResortKemPrekey.key)
  expect(named?.device.identityKeyPair.publicKey).toEqual(bundle.certificate.identityKey)
})

test('the private halves fit the public ones after a restart', async () => {
  const { bundle } = world.keys
  const next = world.again()
  await next.keys.start()
  const named = namedBy(next.keys, bundle)
  if (named === undefined) throw new Error('the prekeys are gone')
  const other = named.device.identityKeyPair
  expect(bytesOf(dh(named.signed.keyPair.privateKey, other.publicKey))).toEqual(
    bytesOf(dh(other.privateKey, bundle.signedPrekey.key)),
  )
  const { ciphertext, secret } = kemEncapsulate(bundle.lastResortKemPrekey.key, world.random)
  expect(bytesOf(kemDecapsulate(named.kem.seed, ciphertext))).toEqual(bytesOf(secret))
})

test('a store of another account is refused', async () => {
  const stranger = world.other(testAccount(seededRandom('somebody else')))
  await expect(stranger.start()).rejects.toMatchObject({ code: 'ERR_WRONG_ACCOUNT' })
})

test('nothing can be had before the start or after the stop', async () => {
  const early = world.again().keys
  expect(() => early.bundle).toThrow('not loaded')
  await world.keys.stop()
  expect(() => world.keys.device).toThrow('not loaded')
  expect(namedBy(world.keys, (await restarted()).bundle)).toBeUndefined()
})

test('a public half leaves only when the private one is on the disk', async () => {
  const fresh = await OwnWorld.make({ seed: 'full disk' })
  failBatches(fresh)
  await expect(fresh.keys.start()).rejects.toThrow('ERR_FULL')
  expect(() => fresh.keys.bundle).toThrow('not loaded')
  expect(await fresh.stored('own/')).toEqual([])

  const { bundle } = world.keys
  failBatches(world)
  await expect(world.keys.rotate()).rejects.toThrow('ERR_FULL')
  await expect(world.keys.createOneTimePairs(mailbox, 3)).rejects.toThrow('ERR_FULL')
  expect(world.keys.bundle).toBe(bundle)
  expect(world.keys.pendingOneTimePairs(mailbox)).toEqual([])
})

test('a bundle is signed again after a day, its prekeys replaced after a week', async () => {
  const first = world.keys.bundle
  await world.clock.advance(DAY - 1)
  expect(await world.keys.maintain()).toBe(false)
  await world.clock.advance(1)
  expect(await world.keys.maintain()).toBe(true)
  const second = world.keys.bundle
  expect(second.sequence).toBeGreaterThan(first.sequence)
  expect(second.signedPrekey.id).toBe(first.signedPrekey.id)
  await world.live(6 * DAY)
  const third = world.keys.bundle
  expect(third.signedPrekey.id).not.toBe(first.signedPrekey.id)
  expect(third.lastResortKemPrekey.id).not.toBe(first.lastResortKemPrekey.id)
  expect(namedBy(world.keys, first)?.acceptUntil).toBeGreaterThan(first.expiresAt)
})

test('every bundle is remembered as long as its prekeys, and no longer', async () => {
  const first = world.keys.bundle
  const { sequence, digest } = first
  expect(world.keys.bundleKnown(sequence, digest)).toBe(true)
  expect(world.keys.bundleKnown(sequence + 1, digest)).toBe(false)
  expect(world.keys.bundleKnown(sequence, new Uint8Array(32))).toBe(false)
  await world.live(7 * DAY)
  const last = await restarted() // remembered in the store, not only in memory
  expect(last.bundleKnown(sequence, digest)).toBe(true)
  // The last bundle that named them was signed on the sixth day.
  await world.live(48 * DAY)
  expect(namedBy(world.keys, first)).toBeDefined()
  expect(world.keys.bundleKnown(sequence, digest)).toBe(true)
  await world.live(2 * HOUR)
  expect(namedBy(world.keys, first)).toBeUndefined()
  expect(world.keys.holds(first.signedPrekey.id)).toBe(false)
  expect(world.keys.bundleKnown(sequence, digest)).toBe(false)
  expect(await world.stored('own/prekeys/')).toHaveLength(7)
})

test('a private half is wiped when it is destroyed', async () => {
  const named = namedBy(world.keys, world.keys.bundle)
  await world.live(60 * DAY)
  if (named === undefined) throw new Error('never there')
  expect(() => bytesOf(named.signed.keyPair.privateKey)).toThrow('wiped')
  expect(() => bytesOf(named.kem.seed)).toThrow('wiped')
})

test('what is destroyed is gone from the store, its sealed bytes too', async () => {
  const id = await onePair()
  const spent = await onePair()
  await world.records.flush()
  const sealed = await sealedBytes(world, ['own/prekeys/', 'own/pair/'])
  expect(sealed).toHaveLength(3)
  const operations = world.keys.spendOneTime(spent)
  await world.commit(operations)
  world.keys.forgetOneTime(spent)
  await world.live(77 * DAY)
  expect(world.keys.holds(id)).toBe(false)
  expect(pairNamed(world.keys, spent)).toBeUndefined()
  const left = (await world.store.values().all()).map(toHex)
  expect(left.length).toBeGreaterThan(0)
  for (const value of sealed) expect(left).not.toContain(value)
})

test('a renewed certificate comes with new prekeys, and the old ones keep theirs', async () => {
  const first = world.keys.bundle
  await world.live(59 * DAY)
  const old = world.keys.bundle
  expect(old.certificate.bytes).toEqual(first.certificate.bytes)
  await world.live(DAY)
  const next = world.keys.bundle
  expect(next.certificate.sequence).toBeGreaterThan(old.certificate.sequence)
  expect(next.certificate.identityKey).toEqual(old.certificate.identityKey)
  expect(next.signedPrekey.id).not.toBe(old.signedPrekey.id)
  expect(namedBy(world.keys, old)?.device.certificate.bytes).toEqual(old.certificate.bytes)
  expect(namedBy(world.keys, next)?.device.certificate.bytes).toEqual(next.certificate.bytes)
  expect(world.keys.device.certificate.bytes).toEqual(next.certificate.bytes)
})

test('after a long time switched off everything is new, and a bundle is valid at once', async () => {
  const { bundle: before } = world.keys
  const next = await world.restartAfter(400 * DAY)
  const { bundle } = next.keys
  const { account, clock } = next
  expect(verifyBundle(bundle.bytes, { account: account.key, now: clock.now() }).sequence).toBe(
    bundle.sequence,
  )
  expect(bundle.certificate.sequence).toBeGreaterThan(before.certificate.sequence)
  // Whether it was so long, one clock alone cannot tell.
  expect(await next.stored('own/prekeys/')).toHaveLength(2)
  next.keys.guard.witness('mailbox', 'm', clock.now())
  await next.keys.maintain()
  expect(await next.stored('own/prekeys/')).toHaveLength(1)
})

test('prekeys are found by the ids of one bundle, not by a mixture', async () => {
  const old = world.keys.bundle
  await world.keys.rotate()
  const now = world.keys.bundle
  const { keys } = world
  const mixed = { signedPrekeyId: old.signedPrekey.id, kemId: now.lastResortKemPrekey.id }
  expect(keys.prekeysFor({ ...mixed, oneTime: false })).toBeUndefined()
  expect(keys.prekeysFor({ ...idsOf(old), oneTime: true })).toBeUndefined()
  expect(keys.prekeysFor({ signedPrekeyId: 0, kemId: 0, oneTime: false })).toBeUndefined()
  expect(namedBy(keys, old)).toBeDefined()
})

test('naming mailboxes signs a bundle and stores a record with it, both or none', async () => {
  const heard: VerifiedBundle[] = []
  world.keys.watch((bundle) => heard.push(bundle))
  const addresses = [fromHex('047f000001060fa1')]
  const record = { type: 'put', key: 'own/mailbox/x', value: Uint8Array.of(1) } as const
  await world.keys.setMailboxes([{ account: mailbox, addresses }], [record])
  expect(heard).toEqual([world.keys.bundle])
  const { bundle } = await restarted()
  expect(bundle.mailboxes.map(({ account }) => toHex(account))).toEqual([toHex(mailbox)])
  expect(bundle.mailboxes[0]?.addresses).toEqual(addresses)
  expect(await world.stored('own/mailbox/')).toEqual([record.key])

  failBatches(world)
  await expect(world.keys.setMailboxes([])).rejects.toThrow('ERR_FULL')
  expect(world.keys.bundle.mailboxes).toHaveLength(1)
})

test('mailboxes stay in the bundle when it is signed again', async () => {
  await world.keys.setMailboxes([{ account: mailbox, addresses: [] }])
  await world.live(8 * DAY)
  expect(world.keys.bundle.mailboxes).toHaveLength(1)
})

test('sequences rise even when the clock stands still', async () => {
  const sequences = [world.keys.bundle.sequence]
  for (let i = 0; i < 3; i += 1) {
    await world.keys.rotate()
    sequences.push(world.keys.bundle.sequence)
  }
  expect(sequences).toEqual(sequences.toSorted((a, b) => a - b))
  expect(new Set(sequences).size).toBe(4)
})

test('one-time pairs are signed for their mailbox and found by their id', async () => {
  const { keys, account, clock } = world
  const made = await keys.createOneTimePairs(mailbox, 5)
  expect(new Set(made.map(({ id }) => id)).size).toBe(5)
  for (const { id, signed } of made) {
    const pair = verifyOneTimePair(signed, { account: account.key, mailbox, now: clock.now() })
    expect(pair.expiresAt - pair.issuedAt).toBe(60 * DAY)
    const { signedPrekey } = keys.bundle
    const named = keys.prekeysFor({ signedPrekeyId: signedPrekey.id, kemId: id, oneTime: true })
    expect(named?.oneTime?.keyPair.publicKey).toEqual(pair.oneTimePrekey)
    expect(named?.oneTime?.kem.publicKey).toEqual(pair.kemPrekey)
    expect(named?.oneTime?.kem.id).toBe(id)
    expect(keys.holds(id)).toBe(true)
  }
})

test('pairs that were not acknowledged are pending, also after a restart', async () => {
  const made = await world.keys.createOneTimePairs(mailbox, 3)
  const ids = made.map(({ id }) => id)
  world.keys.oneTimePairsUploaded(ids.slice(0, 1))
  const next = await restarted()
  expect(new Set(next.pendingOneTimePairs(mailbox).map(({ id }) => id))).toEqual(
    new Set(ids.slice(1)),
  )
  const elsewhere = testAccount(seededRandom('another mailbox')).key
  expect(next.pendingOneTimePairs(elsewhere)).toEqual([])
})

test('a pair is used once: gone with the commit of its session, back where that failed', async () => {
  const id = await onePair()
  const operations = world.keys.spendOneTime(id)
  expect(pairNamed(world.keys, id)).toBeUndefined()
  expect(() => world.keys.spendOneTime(id)).toThrow('ERR_UNKNOWN_PREKEY')
  world.keys.restoreOneTime(id)
  expect(pairNamed(world.keys, id), 'not before the store was asked').toBeUndefined()
  await world.keys.recoverOneTime()
  const secret = pairNamed(world.keys, id)?.keyPair.privateKey
  expect(secret).toBeDefined()
  world.keys.spendOneTime(id)
  await world.commit(operations)
  world.keys.forgetOneTime(id)
  expect(() => bytesOf(secret)).toThrow('wiped')
  expect(world.keys.holds(id)).toBe(false)
  expect(pairNamed(await restarted(), id)).toBeUndefined()
})

test('a commit that failed and is in the store all the same has used the pair', async () => {
  const id = await onePair()
  const secret = pairNamed(world.keys, id)?.keyPair.privateKey
  await world.commit(world.keys.spendOneTime(id)) // its fsync reports an error
  world.keys.restoreOneTime(id)
  await world.keys.recoverOneTime()
  expect(pairNamed(world.keys, id)).toBeUndefined()
  expect(world.keys.holds(id)).toBe(false)
  expect(() => bytesOf(secret)).toThrow('wiped')
})

test('a store that has lost something gets other prekeys in the place of all, and no pair is left', async () => {
  const id = await onePair()
  const before = world.keys.bundle
  await world.keys.replace()
  expect(pairNamed(world.keys, id)).toBeUndefined()
  expect(pairNamed(await restarted(), id)).toBeUndefined()
  expect(world.keys.bundle.sequence).toBeGreaterThan(before.sequence)
})

test('a pair whose commit has failed is gone as well when all are replaced', async () => {
  const id = await onePair()
  world.keys.spendOneTime(id)
  world.keys.restoreOneTime(id)
  await world.keys.replace()
  await world.keys.recoverOneTime()
  expect(pairNamed(world.keys, id)).toBeUndefined()
  expect(world.keys.holds(id)).toBe(false)
})

test('a crash before the commit keeps the pair', async () => {
  const id = await onePair()
  world.keys.spendOneTime(id)
  expect(pairNamed(await restarted(), id)).toBeDefined()
})

test('pairs die unused after 76 days and are not uploaded after 30', async () => {
  const id = await onePair()
  await world.live(30 * DAY)
  expect(world.keys.pendingOneTimePairs(mailbox)).toEqual([])
  await world.live(46 * DAY)
  expect(pairNamed(world.keys, id)).toBeDefined()
  await world.live(HOUR)
  expect(pairNamed(world.keys, id)).toBeUndefined()
  expect(await world.stored('own/pair/')).toEqual([])
})

test('one mailbox cannot make us store pairs without end', async () => {
  world.keys.oneTimePairsUploaded(
    (await world.keys.createOneTimePairs(mailbox, 1_990)).map((p) => p.id),
  )
  expect(await world.keys.createOneTimePairs(mailbox, 100)).toHaveLength(10)
  expect(await world.keys.createOneTimePairs(mailbox, 100)).toHaveLength(0)
  const elsewhere = testAccount(seededRandom('another mailbox')).key
  expect(await world.keys.createOneTimePairs(elsewhere, 1)).toHaveLength(1)
})

test('after a jump ahead nothing is destroyed until the clock is confirmed', async () => {
  const first = world.keys.bundle
  const id = await onePair()
  world.clock.jump(world.clock.now() + 100 * DAY)
  expect(await world.keys.maintain()).toBe(true) // a fresh bundle does no harm
  expect(namedBy(world.keys, first)).toBeDefined()
  expect(world.keys.holds(id)).toBe(true)
  expect(world.keys.guard.jump).toBe('ahead')
  await world.keys.guard.confirm()
  await world.keys.maintain()
  expect(namedBy(world.keys, first)).toBeUndefined()
  expect(world.keys.holds(id)).toBe(false)
})

test('while the clock has gone back nothing is signed by it', async () => {
  await world.live(3 * DAY)
  const { bundle } = world.keys
  world.clock.jump(world.clock.now() - 2000 * DAY)
  expect(await world.keys.maintain()).toBe(false)
  expect(world.keys.bundle).toBe(bundle)
  await world.keys.setMailboxes([{ account: mailbox, addresses: [] }])
  expect(world.keys.bundle.issuedAt).toBe(bundle.issuedAt)
  expect(world.keys.bundle.sequence).toBeGreaterThan(bundle.sequence)
})

test('a bundle that was signed while the clock was ahead is replaced when it is right again', async () => {
  world.clock.jump(world.clock.now() + 500 * DAY)
  await world.keys.maintain()
  const wrong = world.keys.bundle
  world.clock.jump(world.clock.now() - 500 * DAY)
  expect(await world.keys.maintain()).toBe(true)
  expect(world.keys.bundle.issuedAt).toBe(world.clock.now())
  expect(world.keys.bundle.sequence).toBeGreaterThan(wrong.sequence)
})

test('no view of the keys shows a secret', async () => {
  const id = await onePair()
  const named = world.keys.prekeysFor({
    signedPrekeyId: world.keys.bundle.signedPrekey.id,
    kemId: id,
    oneTime: true,
  })
  const secrets = [
    named?.signed.keyPair.privateKey,
    named?.kem.seed,
    named?.oneTime?.keyPair.privateKey,
    named?.device.identityKeyPair.privateKey,
  ].map((secret) => toHex(bytesOf(secret)))
  const shown = inspect([world.keys, named], { depth: 20, showHidden: true, maxArrayLength: null })
  const hex = shown.replaceAll(/[^0-9a-f]/g, '')
  const json = JSON.stringify([named, world.keys])
  for (const secret of secrets) {
    expect(hex).not.toContain(secret.slice(0, 16))
    expect(json).not.toContain(secret.slice(0, 16))
  }
  expect(json).toContain('[SignedPrekey]')
})

function idsOf(bundle: VerifiedBundle): { signedPrekeyId: number; kemId: number } {
  return { signedPrekeyId: bundle.signedPrekey.id, kemId: bundle.lastResortKemPrekey.id }
}

function namedBy(keys: OwnKeys, bundle: VerifiedBundle): ReturnType<OwnKeys['prekeysFor']> {
  return keys.prekeysFor({ ...idsOf(bundle), oneTime: false })
}

function pairNamed(keys: OwnKeys, id: number) {
  const signedPrekeyId = keys.bundle.signedPrekey.id
  return keys.prekeysFor({ signedPrekeyId, kemId: id, oneTime: true })?.oneTime
}

async function onePair(): Promise<number> {
  const [pair] = await world.keys.createOneTimePairs(mailbox, 1)
  if (pair === undefined) throw new Error('no pair was made')
  return pair.id
}

/** The next process on the same store. */
async function restarted(): Promise<OwnKeys> {
  await world.records.flush()
  const next = world.again()
  await next.keys.start()
  return next.keys
}

/** Values as they stand in the database, in hex. */
async function sealedBytes({ store }: OwnWorld, prefixes: readonly string[]): Promise<string[]> {
  const entries = await store.iterator<string, Uint8Array>({}).all()
  const wanted = entries.filter(([key]) => prefixes.some((prefix) => key.startsWith(prefix)))
  return wanted.map(([, value]) => toHex(value))
}

function failBatches({ store }: OwnWorld): void {
  Object.assign(store, { batch: () => Promise.reject(new Error('No space left on device')) })
}

function bytesOf(secret: Secret | undefined): Uint8Array {
  if (secret === undefined) throw new Error('no secret')
  return Secret.reveal(secret).slice()
}
