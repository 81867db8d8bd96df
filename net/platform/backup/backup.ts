// Making, checking and restoring backups, of whatever kind. The part that touches files.

import { createHash } from 'node:crypto'
import { accountFromSeed } from '../../../protocol/account.ts'
import { importSecret, ready } from '../../../protocol/crypto.ts'
import { systemClock } from '../clock.ts'
import { readAgeFile, writeAgeFile } from '../age-file.ts'
import { encodeAccountSeed } from '../identity-codec.ts'
import { pooled, platformRandom } from '../random.ts'
import { restoreHome } from '../restore-home.ts'
import { peerName } from '../../peer-name.ts'
import { Records } from '../../records.ts'
import { BackupError, backupError } from './backup-error.ts'
import { decodeBackup, encodeBackup } from '../../backup/format.ts'
import { OpenedRecords } from '../../backup/snapshot.ts'
import { openSource } from './source.ts'
import type { AgeKey, AgeSeal } from '../age-file.ts'
import type { OpenHomeOptions } from '../home.ts'
import type { Clock, PeerName } from '../../ports.ts'
import type { StoredRecord } from '../../records.ts'
import type { Packing, Selection } from '../../backup/snapshot.ts'
import type { BackupEnd, BackupHead, BackupPart, BackupWord } from '../../backup/format.ts'

/** What backups are of: which records, and what a restore changes of them. */
export interface BackupKind<Counts> extends Selection, Packing {
  readonly word: BackupWord
  readonly refit: (init: { readonly now: number; readonly createdAt: number }) => Refit<Counts>
}

/** Takes the records of a backup in their order and gives those of the folder. Throws `DecodeError` for one that is not sound. */
export interface Refit<Counts> {
  take(record: StoredRecord): readonly StoredRecord[]
  /** What comes behind the last record. */
  end(): readonly StoredRecord[]
  /** What was taken so far. */
  readonly counts: Counts
  /** Unix ms. */
  readonly restoredAt: number
}

/** What every backup says of itself. */
export interface BackupBasics {
  /** Whose it is. */
  readonly peer: PeerName
  /** Unix ms. */
  readonly createdAt: number
  /** Records that were damaged when it was made, and are not in it. */
  readonly damaged: number
}

export interface CreateBackupOptions {
  readonly dir: string
  /** Must not be there yet. */
  readonly file: string
  readonly seal: AgeSeal
  /** Asked for the passphrase of a sealed folder. */
  readonly unlock?: OpenHomeOptions['unlock']
  /** File with the key of a folder that was made with one. */
  readonly keyFile?: string | undefined
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

/** Puts all that is kept of a folder into a new file. Rejects with `BackupError` or `HomeError`; there is no file then. */
export async function createBackup<Counts>(
  kind: BackupKind<Counts>,
  options: CreateBackupOptions,
): Promise<BackupBasics & Counts> {
  const { dir, file, seal, unlock, keyFile, signal, clock = systemClock } = options
  await ready
  const source = await openSource(dir, kind, { unlock, keyFile })
  const { account, dataKey, protection } = source
  const accountSeed = encodeAccountSeed(account.seed)
  try {
    const sealed = protection !== 'none'
    const head = { createdAt: clock.now(), sealed, accountSeed }
    const refit = kind.refit({ now: head.createdAt, createdAt: head.createdAt })
    const opened = new OpenedRecords(dataKey, kind)
    const records = told(opened.of(source.records()), (record) => {
      signal?.throwIfAborted()
      refit.take(record)
    })
    const counted = { sha256: createHash('sha256'), damaged: () => opened.damaged }
    await writeAgeFile(file, seal, encodeBackup(kind.word, head, someOf(records), counted))
    return summaryOf(peerName(account.key), head, { refit, end: { damaged: opened.damaged } })
  } catch (cause) {
    throw backupError(cause)
  } finally {
    accountSeed.fill(0)
    await source.close()
  }
}

/** Reads all of a backup and keeps nothing. Rejects with `BackupError`, or `HomeError` as the disk fails. */
export async function verifyBackup<Counts>(
  kind: BackupKind<Counts>,
  options: ReadBackupOptions,
): Promise<BackupBasics & Counts> {
  await ready
  try {
    const reading = new Reading(kind, options, systemClock)
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

/** Since when a folder holds what it holds, Unix ms. */
export interface Restored {
  readonly restoredAt: number
}

/**
 * Makes a folder out of a backup. Rejects with `BackupError`, or `HomeError` (ERR_EXISTS when anything is in the
 * folder); the folder is as it was then.
 */
export async function restoreBackup<Counts>(
  kind: BackupKind<Counts>,
  options: RestoreBackupOptions,
): Promise<BackupBasics & Counts & Restored> {
  const { dir, passphrase, clock = systemClock } = options
  await ready
  const reading = new Reading(kind, options, clock)
  let summary: (BackupBasics & Counts & Restored) | undefined
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
class Reading<Counts> {
  readonly #parts: AsyncGenerator<BackupPart, void, undefined>
  readonly #kind: BackupKind<Counts>
  readonly #clock: Clock
  readonly #signal: AbortSignal | undefined
  #refit: Refit<Counts> | undefined
  #end: BackupEnd | undefined

  constructor(kind: BackupKind<Counts>, { file, key, signal }: ReadBackupOptions, clock: Clock) {
    this.#kind = kind
    this.#parts = decodeBackup(kind.word, readAgeFile(file, key), createHash('sha256'))
    this.#clock = clock
    this.#signal = signal
  }

  get refit(): Refit<Counts> {
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
    this.#refit = this.#kind.refit({ now: this.#clock.now(), createdAt })
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

/** Throws `BackupError` ERR_NOTHING when there is none: the folder is that of something else. */
async function* someOf(
  records: AsyncIterable<StoredRecord>,
): AsyncGenerator<StoredRecord, void, undefined> {
  let isEmpty = true
  for await (const record of records) {
    isEmpty = false
    yield record
  }
  if (isEmpty) throw new BackupError('ERR_NOTHING')
}

function summaryOf<Counts>(
  peer: PeerName,
  { createdAt }: BackupHead,
  { refit, end }: { readonly refit: Refit<Counts>; readonly end: Pick<BackupEnd, 'damaged'> },
): BackupBasics & Counts {
  return { peer, createdAt, ...refit.counts, damaged: end.damaged }
}
