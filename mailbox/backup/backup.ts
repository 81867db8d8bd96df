// Backups of a mailbox: making, checking and restoring them. The part that touches files.

import { createHash } from 'node:crypto'
import { accountFromSeed } from '../../protocol/account.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { readAgeFile, writeAgeFile } from '../../net/platform/age-file.ts'
import { encodeAccountSeed } from '../../net/platform/identity-codec.ts'
import { pooled, platformRandom } from '../../net/platform/random.ts'
import { restoreHome } from '../../net/platform/restore-home.ts'
import { peerName } from '../../net/peer-name.ts'
import { Records } from '../../net/records.ts'
import { BackupError, backupError } from './backup-error.ts'
import { decodeBackup, encodeBackup } from './format.ts'
import { Refit } from './refit.ts'
import { OpenedRecords } from './snapshot.ts'
import { openSource } from './source.ts'
import type { AgeKey, AgeSeal } from '../../net/platform/age-file.ts'
import type { OpenHomeOptions } from '../../net/platform/home.ts'
import type { Clock, PeerName } from '../../net/ports.ts'
import type { StoredRecord } from '../../net/records.ts'
import type { BackupEnd, BackupHead, BackupPart } from './format.ts'

/** What is in a backup. */
export interface BackupSummary {
  /** The mailbox that it is of. */
  readonly peer: PeerName
  /** Unix ms. */
  readonly createdAt: number
  readonly members: number
  /** Envelopes that wait. */
  readonly messages: number
  /** Records that were damaged when it was made, and are not in it. */
  readonly damaged: number
}

export interface CreateBackupOptions {
  /** The folder of the mailbox. */
  readonly dir: string
  /** Must not be there yet. */
  readonly file: string
  readonly seal: AgeSeal
  /** Asked for the passphrase of a sealed folder. */
  readonly unlock?: OpenHomeOptions['unlock']
  readonly signal?: AbortSignal
  readonly clock?: Clock
}

export interface ReadBackupOptions {
  readonly file: string
  readonly key: AgeKey
  readonly signal?: AbortSignal
}

export interface RestoreBackupOptions extends ReadBackupOptions {
  /** New or empty. */
  readonly dir: string
  /** Seals the folder, if the one that the backup was made of was sealed. */
  readonly passphrase: () => Promise<string>
  readonly clock?: Clock
}

/** Puts all that a mailbox holds into a new file. Rejects with `BackupError` or `HomeError`; there is no file then. */
export async function createBackup(options: CreateBackupOptions): Promise<BackupSummary> {
  const { dir, file, seal, unlock, signal, clock = systemClock } = options
  await ready
  const source = await openSource(dir, unlock)
  const { account, dataKey, sealed } = source
  const accountSeed = encodeAccountSeed(account.seed)
  try {
    const head = { createdAt: clock.now(), sealed, accountSeed }
    const refit = new Refit({ now: head.createdAt, createdAt: head.createdAt })
    const opened = new OpenedRecords(dataKey)
    const records = told(opened.of(source.records()), (record) => {
      signal?.throwIfAborted()
      refit.take(record)
    })
    const counted = { sha256: createHash('sha256'), damaged: () => opened.damaged }
    await writeAgeFile(file, seal, encodeBackup(head, someOf(records), counted))
    return summaryOf(peerName(account.key), head, { refit, end: { damaged: opened.damaged } })
  } catch (cause) {
    throw backupError(cause)
  } finally {
    accountSeed.fill(0)
    await source.close()
  }
}

/** Reads all of a backup and keeps nothing. Rejects with `BackupError`, or `HomeError` as the disk fails. */
export async function verifyBackup(options: ReadBackupOptions): Promise<BackupSummary> {
  await ready
  try {
    const reading = new Reading(options, systemClock)
    const head = await reading.head()
    const seed = importSecret('AccountSeed', head.accountSeed)
    const peer = peerName(accountFromSeed(seed).key)
    seed.wipe()
    for await (const _ of reading.records());
    return summaryOf(peer, head, reading)
  } catch (cause) {
    throw backupError(cause)
  }
}

/** What the folder holds now, and since when. */
export interface RestoreSummary extends BackupSummary {
  /** Unix ms. */
  readonly restoredAt: number
}

/**
 * Makes the folder of a mailbox out of a backup. Rejects with `BackupError`, or `HomeError` (ERR_EXISTS when anything is in the
 * folder); the folder is as it was then.
 */
export async function restoreBackup(options: RestoreBackupOptions): Promise<RestoreSummary> {
  const { dir, passphrase, clock = systemClock } = options
  await ready
  const reading = new Reading(options, clock)
  let summary: RestoreSummary | undefined
  try {
    await restoreHome(dir, async (store, dataKey) => {
      const head = await reading.head()
      const accountSeed = importSecret('AccountSeed', head.accountSeed)
      const peer = peerName(accountFromSeed(accountSeed).key)
      const records = new Records({ store, dataKey, clock, random: pooled(platformRandom) })
      await writeAll(records, reading.records())
      await records.close()
      const { restoredAt } = reading.refit
      summary = { ...summaryOf(peer, head, reading), restoredAt }
      return head.sealed ? { accountSeed, passphrase: await passphrase() } : { accountSeed }
    })
  } catch (cause) {
    throw backupError(cause)
  } finally {
    await reading.close()
  }
  if (summary === undefined) throw new BackupError('ERR_DAMAGED')
  return summary
}

/** A backup that is being read: first its head, then what a folder gets of it. */
class Reading {
  readonly #parts: AsyncGenerator<BackupPart, void, undefined>
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  #refit: Refit | undefined
  #end: BackupEnd | undefined

  constructor({ file, key, signal }: ReadBackupOptions, clock: Clock) {
    this.#parts = decodeBackup(readAgeFile(file, key), createHash('sha256'))
    this.#clock = clock
    this.#signal = signal
  }

  get refit(): Refit {
    if (this.#refit === undefined) throw new BackupError('ERR_DAMAGED')
    return this.#refit
  }

  get end(): BackupEnd {
    if (this.#end === undefined) throw new BackupError('ERR_DAMAGED')
    return this.#end
  }

  async head(): Promise<BackupHead> {
    const { value } = await this.#parts.next()
    if (value?.kind !== 'head') throw new BackupError('ERR_DAMAGED')
    const { createdAt } = value.head
    this.#refit = new Refit({ now: this.#clock.now(), createdAt })
    return value.head
  }

  /** Ends well only if the whole backup was read. */
  async *records(): AsyncGenerator<StoredRecord, void, undefined> {
    for await (const part of this.#parts) {
      this.#signal?.throwIfAborted()
      if (part.kind === 'record') yield* this.refit.take(part.record)
      if (part.kind === 'end') this.#end = part.end
    }
    yield* this.refit.end()
  }

  async close(): Promise<void> {
    await this.#parts.return()
  }
}

/** Written together: few enough to be held, many enough to be worth an fsync. */
const BATCH_BYTES = 1024 * 1024

async function writeAll(records: Records, all: AsyncIterable<StoredRecord>): Promise<void> {
  let batch: StoredRecord[] = []
  let bytes = 0
  const write = async (): Promise<void> => {
    await records.commit(batch.map((record) => ({ type: 'put', ...record })))
    batch = []
    bytes = 0
  }
  for await (const record of all) {
    batch.push(record)
    bytes += record.key.length + record.value.length
    if (bytes >= BATCH_BYTES) await write()
  }
  await write()
}

async function* told(
  records: AsyncIterable<StoredRecord>,
  listener: (record: StoredRecord) => void,
): AsyncGenerator<StoredRecord, void, undefined> {
  for await (const record of records) {
    listener(record)
    yield record
  }
}

/** Throws `BackupError` ERR_NOT_A_MAILBOX when there is none: the folder is that of something else. */
async function* someOf(
  records: AsyncIterable<StoredRecord>,
): AsyncGenerator<StoredRecord, void, undefined> {
  let isEmpty = true
  for await (const record of records) {
    isEmpty = false
    yield record
  }
  if (isEmpty) throw new BackupError('ERR_NOT_A_MAILBOX')
}

function summaryOf(
  peer: PeerName,
  { createdAt }: BackupHead,
  { refit, end }: { readonly refit: Refit; readonly end: Pick<BackupEnd, 'damaged'> },
): BackupSummary {
  const { members, messages } = refit
  return { peer, createdAt, members, messages, damaged: end.damaged }
}
