import { mkdtemp, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { beforeAll, expect, onTestFinished, test } from 'vitest'
import { createBackup, MAILBOX_BACKUP, verifyBackup } from '../../mailbox/backup/backup.ts'
import { connectSnapshot, serveSnapshots } from '../../net/platform/backup/snapshot-socket.ts'
import { hostMailbox } from '../../mailbox/index.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { equalBytes } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/accounts.ts'
import { MailboxFolder } from '../support/mailbox-folder.ts'
import { envelope } from './world.ts'
import type { StoredRecord } from '../../net/records.ts'

beforeAll(() => ready)

async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-snap-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true }))
  return dir
}

/** An open folder with more mail than sockets hold on the way. */
async function served() {
  const dir = join(await folder(), 'box')
  const box = await MailboxFolder.open(dir)
  onTestFinished(() => box.close())
  const owner = testAccount(random).key
  await box.store.join(owner)
  for (let at = 0; at < 200; at++) {
    await box.deposit(owner, envelope(`${at}`, { length: 60_000 }))
  }
  const server = await serveSnapshots(dir, box.home.store, MAILBOX_BACKUP)
  return { dir, box, owner, server }
}

async function snapshot(dir: string): Promise<AsyncGenerator<StoredRecord>> {
  const records = await connectSnapshot(dir)
  if (records === undefined) throw new Error('nobody serves')
  return records
}

test('a snapshot is of one moment, sealed, and goes on while mail comes in', async () => {
  const { dir, box, owner, server } = await served()
  expect((await stat(join(dir, 'run', 'snapshot'))).mode & 0o777).toBe(0o600)
  const records = await snapshot(dir)
  const keys: string[] = []
  await records.next()
  await box.deposit(owner, envelope('late'))
  for await (const { key, value } of records) {
    keys.push(key)
    if (key.startsWith('mailbox/item/')) expect(await same(box, key, value)).toBe(true)
  }
  const items = keys.filter((key) => key.startsWith('mailbox/item/'))
  expect(items).toHaveLength(200)
  await server.close()
  expect(await connectSnapshot(dir)).toBeUndefined()
})

/** Whether it came as it is stored. */
async function same(box: MailboxFolder, key: string, value: Uint8Array): Promise<boolean> {
  const stored = await box.home.store.get(key)
  return stored !== undefined && equalBytes(stored, value)
}

test('there is one snapshot at a time, and none is whole whose mailbox has ended', async () => {
  const { dir, server } = await served()
  const first = await snapshot(dir)
  await first.next()
  const second = await snapshot(dir)
  await expect(second.next()).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
  await server.close()
  const rest = async (): Promise<void> => {
    for await (const _ of first);
  }
  await expect(rest()).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
})

test('a backup that its mailbox ends leaves no file', async () => {
  const { dir, server } = await served()
  const place = await folder()
  const seal = { recipients: [await identityToRecipient(await generateX25519Identity())] }
  const backup = createBackup({ dir, file: join(place, 'a.age'), seal })
  const refused = expect(backup).rejects.toMatchObject({ code: 'ERR_INTERRUPTED' })
  while ((await readdir(place)).length === 0) await new Promise((next) => setImmediate(next))
  await server.close()
  await refused
  expect(await readdir(place)).toEqual([])
})

test('a mailbox serves snapshots of its folder until it stops; a path too long for a socket is no reason not to', async () => {
  const dir = await folder()
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const identity = await generateX25519Identity()
  const seal = { recipients: [await identityToRecipient(identity)] }
  const file = join(dir, 'a.age')
  const host = await hostMailbox({ profile: { dir: join(dir, 'box') }, listen })
  onTestFinished(() => host.stop())
  const { peer } = await createBackup({ dir: join(dir, 'box'), file, seal })
  expect(peer).toBe(host.peer)
  expect(await verifyBackup({ file, key: { identities: [identity] } })).toMatchObject({ peer })
  await host.stop()
  await createBackup({ dir: join(dir, 'box'), file: join(dir, 'b.age'), seal })

  const long = join(dir, 'x'.repeat(100))
  const hidden = await hostMailbox({ profile: { dir: long }, listen })
  onTestFinished(() => hidden.stop())
  const refused = createBackup({ dir: long, file: join(dir, 'c.age'), seal })
  await expect(refused).rejects.toMatchObject({ code: 'ERR_NO_SOCKET' })
})
