/**
 * Files in the age format (age-encryption.org/v1), written and read piece by piece: any other program for age opens them too.
 * A file is sealed by a passphrase (scrypt, 2^18 rounds of 1 KiB: 256 MiB and about a second for each guess) or for public keys.
 */
import { open, rename, rm, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { Decrypter, Encrypter } from 'age-encryption'
import { syncFolder } from './durable-file.ts'
import { HomeError, systemCode } from './home-error.ts'
import type { FileHandle } from 'node:fs/promises'

/** What a file is sealed by. */
export type AgeSeal =
  | {
      readonly passphrase: string
      /** What a guess costs, as a power of two. At most 20: the library opens no more. @default 18 */
      readonly workFactor?: number
    }
  /** `age1…`, at least one. */
  | { readonly recipients: readonly string[] }

/** What a file is opened with. */
export type AgeKey =
  | { readonly passphrase: string }
  /** `AGE-SECRET-KEY-1…`, at least one. */
  | { readonly identities: readonly string[] }

export type AgeErrorCode =
  | 'ERR_BAD_RECIPIENT' // not a public key for age
  | 'ERR_BAD_IDENTITY' // not a secret key for age
  | 'ERR_NOT_AGE' // not a file of this format
  | 'ERR_NO_KEY' // neither passphrase nor key fits, or the head of the file is damaged
  | 'ERR_DAMAGED' // cut short or changed

/** A file could not be sealed or opened. Never says what is in it. */
export class AgeError extends Error {
  static override readonly name = 'AgeError'
  override readonly name = 'AgeError'
  readonly code: AgeErrorCode

  constructor(code: AgeErrorCode, options?: ErrorOptions) {
    super(code, options)
    this.code = code
  }
}

/** age's own default. */
const WORK_FACTOR = 18

const CHUNK_BYTES = 64 * 1024

/** No header of ours is longer: the library would read on for as long as the file goes. */
const MAX_HEADER_BYTES = 64 * 1024
const FIRST_LINE = 'age-encryption.org/v1\n'
const LAST_LINE = '\n--- '

/**
 * Seals what comes into a new file, mode 0600, that has its name only when it is whole and on the disk. Resolves to its length.
 * Throws `AgeError` ERR_BAD_RECIPIENT, `HomeError` ERR_EXISTS, what the disk throws, and what `plain` throws; nothing is left
 * behind then.
 */
export async function writeAgeFile(
  path: string,
  seal: AgeSeal,
  plain: AsyncIterable<Uint8Array>,
): Promise<number> {
  const encrypter = encrypterFor(seal)
  await mustBeFree(path)
  const partial = `${path}.partial`
  await rm(partial, { force: true }) // left by a crash
  const file = await open(partial, 'wx', 0o600)
  try {
    const bytes = await writeAll(file, await encrypter.encrypt(streamOf(plain)))
    await file.sync()
    await file.close()
    await mustBeFree(path)
    await rename(partial, path)
    await syncFolder(dirname(path))
    return bytes
  } catch (cause) {
    await file.close().catch(() => undefined) // closed already, or the first error tells more
    await rm(partial, { force: true })
    throw cause
  }
}

/** What is in the file, piece by piece. Throws `AgeError`, and what the disk throws. */
export async function* readAgeFile(
  path: string,
  key: AgeKey,
): AsyncGenerator<Uint8Array, void, undefined> {
  const decrypter = decrypterFor(key)
  const file = await open(path, 'r')
  try {
    await checkHeader(file)
    const plain = await decrypter.decrypt(streamOf(chunksOf(file))).catch(noKey)
    yield* pieces(plain)
  } finally {
    await file.close()
  }
}

function encrypterFor(seal: AgeSeal): Encrypter {
  const encrypter = new Encrypter()
  if ('passphrase' in seal) {
    encrypter.setPassphrase(seal.passphrase)
    encrypter.setScryptWorkFactor(seal.workFactor ?? WORK_FACTOR)
    return encrypter
  }
  try {
    for (const recipient of seal.recipients) encrypter.addRecipient(recipient)
  } catch (cause) {
    throw new AgeError('ERR_BAD_RECIPIENT', { cause })
  }
  return encrypter
}

function decrypterFor(key: AgeKey): Decrypter {
  const decrypter = new Decrypter()
  if ('passphrase' in key) {
    decrypter.addPassphrase(key.passphrase)
    return decrypter
  }
  try {
    for (const identity of key.identities) decrypter.addIdentity(identity)
  } catch {
    throw new AgeError('ERR_BAD_IDENTITY') // without the cause: it may repeat the key
  }
  return decrypter
}

async function mustBeFree(path: string): Promise<void> {
  try {
    await stat(path)
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return
    throw cause
  }
  throw new HomeError('ERR_EXISTS')
}

async function writeAll(file: FileHandle, sealed: ReadableStream<Uint8Array>): Promise<number> {
  let bytes = 0
  for await (const chunk of sealed) {
    await file.appendFile(chunk)
    bytes += chunk.length
  }
  return bytes
}

/** The library names what is wrong with a header in words only. */
function noKey(cause: unknown): never {
  const text = cause instanceof Error ? cause.message : ''
  throw new AgeError(text.startsWith('no identity matched') ? 'ERR_NO_KEY' : 'ERR_DAMAGED', {
    cause,
  })
}

async function* pieces(plain: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const from = plain.getReader()
  try {
    for (;;) {
      const { done, value } = await from.read().catch(damaged)
      if (done) return
      yield value
    }
  } finally {
    await from.cancel().catch(() => undefined) // a stream that has failed has nothing to give back
  }
}

function damaged(cause: unknown): never {
  throw systemCode(cause) === undefined ? new AgeError('ERR_DAMAGED', { cause }) : cause
}

/** Throws `AgeError` ERR_NOT_AGE unless the file begins like one, with a header that ends. */
async function checkHeader(file: FileHandle): Promise<void> {
  const { buffer, bytesRead } = await file.read(new Uint8Array(MAX_HEADER_BYTES), { position: 0 })
  const text = new TextDecoder('latin1').decode(buffer.subarray(0, bytesRead))
  if (!text.startsWith(FIRST_LINE) || !text.includes(LAST_LINE)) throw new AgeError('ERR_NOT_AGE')
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (let position = 0; ;) {
    const { buffer, bytesRead } = await file.read(new Uint8Array(CHUNK_BYTES), { position })
    if (bytesRead === 0) return
    position += bytesRead
    yield buffer.subarray(0, bytesRead)
  }
}

/** Asks for the next piece when there is room for it. */
function streamOf(chunks: AsyncIterable<Uint8Array>): ReadableStream<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]()
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next = await iterator.next()
      if (next.done === true) controller.close()
      else controller.enqueue(next.value)
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
