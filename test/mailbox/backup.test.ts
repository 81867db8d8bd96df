import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createBackup, restoreBackup, verifyBackup } from '../../mailbox/backup/backup.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { concat } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { tokenHash } from '../../protocol/custody.ts'
import { testAccount } from '../support/accounts.ts'
import { MailboxFolder } from '../support/mailbox-folder.ts'
import { envelope, textOf } from './world.ts'
import type { BackupSummary } from '../../mailbox/backup/backup.ts'
import type { Restored } from '../../net/platform/backup/backup.ts'

const NEVER = (): Promise<string> => Promise.reject(new Error('nobody is asked'))

let identity = ''
let recipient = ''
beforeAll(async () => {
  await ready
  identity = await generateX25519Identity()
  recipient = await identityToRecipient(identity)
})

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-backup-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

async function backUp(dir: string, name = 'a.age'): Promise<string> {
  const file = join(dir, name)
  await createBackup({ dir: join(dir, 'box'), file, seal: { recipients: [recipient] } })
  return file
}

async function restore(file: string, dir: string): Promise<BackupSummary & Restored> {
  return await restoreBackup({ file, dir, key: { identities: [identity] }, passphrase: NEVER })
}

const verify = (file: string) => verifyBackup({ file, key: { identities: [identity] } })

/** A mailbox with two members: mail of a contact and of strangers, one of them fetched; a shelf, tokens, a policy. */
async function filled(dir: string) {
  const [ada, ben] = [testAccount(random).key, testAccount(random).key]
  const [token, depositId, bundle] = [random(32), random(16), random(200)]
  const custody = await MailboxFolder.with(dir, async (box) => {
    const { store } = box
    for (const account of [ada, ben]) await store.join(account)
    await store.setPolicy(ben, { label: 'Ben', status: 'suspended', quota: undefined })
    const invitation = { label: 'friends', uses: 3, expiresAt: undefined, quota: undefined }
    await store.invite({ ...invitation, hash: tokenHash(token) }, Date.now())
    await store.setTokens(ada, [{ slot: 7, hash: tokenHash(token) }])
    await store.replaceBundle(ada, bundle)
    const pairs = [1, 2, 3].map((id) => ({ id, expiresAt: Date.now() + 1e9, signed: random(50) }))
    await store.putPairs(ada, pairs, Date.now() + 1e9)
    await store.takePair(ada, Date.now(), Date.now() + 1e9, tokenHash(token))
    const first = await box.deposit(ada, envelope('one'), { token, depositId })
    await box.deposit(ada, envelope('two'))
    await box.deposit(ada, envelope('three'))
    await store.acknowledge(ada, [2])
    return first
  })
  return { ada, ben, token, depositId, bundle, custody }
}

test('a mailbox comes back with its identity, members, policies, bundles, mail and promises', async () => {
  const dir = await folder()
  const { ada, ben, depositId, bundle, custody } = await filled(join(dir, 'box'))
  const before = await MailboxFolder.with(join(dir, 'box'), async ({ home, store }) => ({
    account: home.account.key,
    time: await store.time(),
    statistics: await store.statistics(),
    invitations: await store.invitations(),
  }))
  const file = await backUp(dir)
  const summary = await verify(file)
  expect(summary).toMatchObject({ members: 2, messages: 2, damaged: 0 })
  expect(await restore(file, join(dir, 'new'))).toMatchObject(summary)

  await MailboxFolder.with(join(dir, 'new'), async (box) => {
    const { store, home } = box
    expect(home.account.key).toEqual(before.account)
    expect(await store.time()).toBe(before.time)
    expect(await store.statistics()).toEqual({ ...before.statistics, oneTimePairs: 0 })
    expect(await store.member(ben)).toMatchObject({ label: 'Ben', status: 'suspended' })
    expect(await store.invitations()).toEqual(before.invitations)
    expect((await store.bundle(ada))?.bytes).toEqual(bundle)
    const waiting = await box.waiting(ada)
    expect(waiting.map((item) => [item.id, textOf(item.envelope)])).toEqual([
      [1, 'one'],
      [3, 'three'],
    ])
    // The same promise for the same deposit, and nothing is stored a second time.
    expect(await box.deposit(ada, envelope('one'), { depositId })).toEqual(custody)
    expect(await box.waiting(ada)).toHaveLength(2)
  })
})

test('neither the shelf, nor what was given from it, nor tokens are in a backup or come back', async () => {
  const dir = await folder()
  const { ada, token } = await filled(join(dir, 'box'))
  await restore(await backUp(dir), join(dir, 'new'))
  await MailboxFolder.with(join(dir, 'new'), async (box) => {
    const left = /^mailbox\/(?:pair|taken|tokens)\/|^mailbox\/expiry\/.*\/(?:pair|taken)\//
    expect((await box.names()).filter((name) => left.test(name))).toEqual([])
    expect(await box.store.member(ada)).toMatchObject({ pairs: 0, messages: 2 })
    const shown = tokenHash(token)
    expect(await box.store.takePair(ada, Date.now(), Date.now() + 1e9, shown)).toBeUndefined()
    await box.deposit(ada, envelope('four'), { token })
    const { items } = await box.store.read(ada, 3, { items: 10, bytes: 1e6 })
    expect(items.map(({ slot }) => slot)).toEqual([0])
  })
})

test('no id is given to two envelopes, however often a backup is restored', async () => {
  const dir = await folder()
  const { ada } = await filled(join(dir, 'box'))
  const file = await backUp(dir)
  const ids = new Set<number>()
  const names = ['first', 'second', 'third']
  await MailboxFolder.with(join(dir, 'box'), (box) => deposit(box, 'after the backup'))
  for (const name of names) {
    await restore(file, join(dir, name))
    await MailboxFolder.with(join(dir, name), (box) => deposit(box, name))
  }
  expect(ids.size).toBe(1 + names.length)
  expect([...ids].every(Number.isSafeInteger)).toBe(true)

  async function deposit(box: MailboxFolder, text: string): Promise<void> {
    await box.deposit(ada, envelope(text))
    ids.add((await box.waiting(ada)).at(-1)?.id ?? 0)
  }
})

test('the balance holds: what was damaged when the backup was made counts as removed', async () => {
  const dir = await folder()
  const { ada, ben } = await filled(join(dir, 'box'))
  await MailboxFolder.with(join(dir, 'box'), async ({ home }) => {
    for await (const key of home.store.keys()) {
      if (/item\/.*1$|policy/.test(key)) await home.store.put(key, random(60))
    }
  })
  const file = await backUp(dir)
  expect(await verify(file)).toMatchObject({ members: 2, messages: 1, damaged: 2 })
  await restore(file, join(dir, 'new'))
  await MailboxFolder.with(join(dir, 'new'), async ({ store }) => {
    const { accepted, acknowledged, expired, removed, waiting, damaged } = await store.statistics()
    expect({ accepted, acknowledged, removed, waiting, damaged }).toEqual({
      ...{ accepted: 3, acknowledged: 1, removed: 1, waiting: 1, damaged: 0 },
    })
    expect(accepted).toBe(acknowledged + expired + removed + waiting)
    expect(await store.member(ada)).toMatchObject({ messages: 1, bytes: envelope('three').length })
    // Somebody who may have been suspended is.
    expect(await store.member(ben)).toMatchObject({ status: 'suspended' })
  })
})

test('the number of a member whose record was damaged is nobody else’s after a restore', async () => {
  const dir = await folder()
  const { ada } = await filled(join(dir, 'box'))
  await MailboxFolder.with(join(dir, 'box'), async ({ home }) => {
    for await (const key of home.store.keys({ gte: 'mailbox/member/', lt: 'mailbox/member0' })) {
      await home.store.put(key, random(60))
    }
  })
  await restore(await backUp(dir), join(dir, 'new'))
  await MailboxFolder.with(join(dir, 'new'), async (box) => {
    await box.store.join(ada)
    expect(await box.waiting(ada)).toEqual([])
  })
})

test('a restore says when it was, never before its backup, and the next backup repeats it', async () => {
  const dir = await folder()
  await filled(join(dir, 'box'))
  const file = await backUp(dir)
  const { createdAt } = await verify(file)
  const clock = { now: () => createdAt - 1e6, after: () => ({ cancel: () => undefined }) }
  const key = { identities: [identity] }
  const late = await restoreBackup({ file, dir: join(dir, 'new'), key, passphrase: NEVER, clock })
  expect(late.restoredAt).toBe(createdAt)
  expect((await restore(file, join(dir, 'newer'))).restoredAt).toBeGreaterThan(createdAt)
})

test('a passphrase opens a backup and seals the folder again, if it was sealed', async () => {
  const dir = await folder()
  const passphrase = 'correct horse'
  const unlock = async (): Promise<string> => passphrase
  const box = await MailboxFolder.open(join(dir, 'box'), { create: { passphrase } })
  await box.close()
  const file = join(dir, 'a.age')
  await createBackup({ dir: join(dir, 'box'), file, seal: { passphrase, workFactor: 10 }, unlock })
  const wrong = { file, key: { passphrase: 'correct hors' }, dir: join(dir, 'new') }
  const asked = { passphrase: unlock }
  await expect(restoreBackup({ ...wrong, ...asked })).rejects.toMatchObject({ code: 'ERR_NO_KEY' })
  await restoreBackup({ file, key: { passphrase }, dir: join(dir, 'new'), ...asked })
  await expect(MailboxFolder.open(join(dir, 'new'))).rejects.toMatchObject({
    code: 'ERR_PASSPHRASE_NEEDED',
  })
  await (await MailboxFolder.open(join(dir, 'new'), { unlock })).close()
})

test('what is not a mailbox, a key or a backup is refused, and leaves nothing', async () => {
  const dir = await folder()
  const seal = { recipients: [recipient] }
  const create = (box: string, file: string, by = seal) =>
    createBackup({ dir: join(dir, box), file: join(dir, file), seal: by })
  await expect(create('none', 'a.age')).rejects.toMatchObject({ code: 'ERR_NOT_FOUND' })
  await filled(join(dir, 'box'))
  const bad = { recipients: ['age1nonsense'] }
  await expect(create('box', 'a.age', bad)).rejects.toMatchObject({ code: 'ERR_BAD_RECIPIENT' })
  await expect(create('box', 'no/a.age')).rejects.toMatchObject({ code: 'ERR_NO_FILE' })
  await create('box', 'a.age')
  await expect(create('box', 'a.age')).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  await MailboxFolder.with(join(dir, 'box'), async () => {
    await expect(create('box', 'b.age')).rejects.toMatchObject({ code: 'ERR_LOCKED' })
  })
  await MailboxFolder.with(join(dir, 'box'), async ({ home }) => home.store.clear())
  await expect(create('box', 'b.age')).rejects.toMatchObject({ code: 'ERR_NOTHING' })
  const file = join(dir, 'a.age')
  const other = await generateX25519Identity()
  const refused = (key: { identities: string[] }) => verifyBackup({ file, key })
  await expect(refused({ identities: [other] })).rejects.toMatchObject({ code: 'ERR_NO_KEY' })
  await expect(refused({ identities: ['x'] })).rejects.toMatchObject({ code: 'ERR_BAD_IDENTITY' })
  await expect(verify(join(dir, 'c.age'))).rejects.toMatchObject({ code: 'ERR_NO_FILE' })
  await writeFile(join(dir, 'c.age'), 'age-encryption.org/v2\n--- ')
  await expect(verify(join(dir, 'c.age'))).rejects.toMatchObject({ code: 'ERR_NOT_A_BACKUP' })
  expect(new Set(await readdir(dir))).toEqual(new Set(['a.age', 'box', 'c.age']))
})

test('a folder with anything in it stays as it is; one that a killed restore has left is made', async () => {
  const dir = await folder()
  const { ada } = await filled(join(dir, 'box'))
  const file = await backUp(dir)
  const target = join(dir, 'new')
  await mkdir(target)
  await writeFile(join(target, 'RESTORING'), '')
  await writeFile(join(target, 'letter'), 'mine')
  await expect(restore(file, target)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  expect(await readFile(join(target, 'letter'), 'utf8')).toBe('mine')
  await expect(restore(file, join(target, 'letter'))).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  await rm(join(target, 'letter'))
  await mkdir(join(target, 'store'))
  await restore(file, target)
  expect((await readdir(target)).includes('RESTORING')).toBe(false)
  await expect(restore(file, target)).rejects.toMatchObject({ code: 'ERR_EXISTS' })
  await MailboxFolder.with(target, async (box) => expect(await box.waiting(ada)).toHaveLength(2))
})

test('an end at any point, and a change at any place, is found, and a restore leaves nothing then', async () => {
  const dir = await folder()
  const { ada } = await filled(join(dir, 'box'))
  await MailboxFolder.with(join(dir, 'box'), async (box) => {
    for (let at = 0; at < 4; at++) await box.deposit(ada, envelope(`${at}`, { length: 50_000 }))
  })
  const whole = await readFile(await backUp(dir))
  const piece = 64 * 1024 + 16
  const damaged = join(dir, 'damaged.age')
  const empty = join(dir, 'empty')
  await mkdir(empty)
  const ends = [0, 1, 21, 100, payloadAt(whole) - 1, payloadAt(whole), payloadAt(whole) + 16]
  for (let at = payloadAt(whole) + 16; at < whole.length; at += piece) ends.push(at - 1, at, at + 1)
  ends.push(whole.length - 17, whole.length - 1)
  const codes = new Set<unknown>()
  expect(ends.length).toBeGreaterThan(15)
  for (const end of ends) await leavesNothing(whole.subarray(0, end))
  await leavesNothing(concat(whole, Uint8Array.of(0)))
  const changes = Array.from(whole.keys()).filter(
    (at) => at % (at < payloadAt(whole) + 40 ? 3 : 3141) === 0,
  )
  for (const at of changes) {
    const changed = Uint8Array.from(whole)
    changed[at] = (changed[at] ?? 0) ^ (1 << (at % 8))
    await (at % 30 === 0 ? leavesNothing(changed) : refuses(changed))
  }
  expect(codes).toEqual(new Set(['ERR_DAMAGED', 'ERR_NOT_A_BACKUP', 'ERR_NO_KEY']))
  expect(await readdir(empty)).toEqual([])

  async function refuses(bytes: Uint8Array): Promise<unknown> {
    await writeFile(damaged, bytes)
    const found = await verify(damaged).catch((cause: { code?: unknown }) => cause.code)
    codes.add(found)
    return found
  }

  async function leavesNothing(bytes: Uint8Array): Promise<void> {
    const code = await refuses(bytes)
    await expect(restore(damaged, empty)).rejects.toMatchObject({ code })
  }
})

/** Where the header of an age file ends: behind the line with its MAC. */
function payloadAt(file: Uint8Array): number {
  const text = new TextDecoder('latin1').decode(file.subarray(0, 4096))
  return text.indexOf('\n', text.indexOf('\n--- ') + 1) + 1
}
