/**
 * Keys that die, for records that must die with them: what was deleted, or replaced, can still be found on a disk, but not be opened
 * once the key is gone that it was sealed under. They are in a small file of their own, sealed under the data key.
 *
 *   one key --begin--> two keys: what is written goes under the new one, what is there opens under either
 *      ^                  |
 *      '------ end -------'  everything was written again
 *
 * Each arrow is one replacement of the file, done before anything relies on it; a crash in between leaves one of the two states.
 */
import { generateSecret } from '../protocol/crypto.ts'
import { DecodeError } from '../protocol/errors.ts'
import { decodeEpochs, encodeEpochs } from './epoch-codec.ts'
import { openValue, sealValue } from './sealed-value.ts'
import { StoreError } from './store-error.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Secret } from '../protocol/secret.ts'
import type { Epochs } from './epoch-codec.ts'
import type { Clock } from './ports.ts'

/** A small file that is replaced as a whole, beside a database. */
export interface EpochFile {
  /** Undefined when there is none. */
  read(): Promise<Uint8Array | undefined>
  /** Resolves when the new content is on the disk, and the old one is not any more as far as that can be done. */
  replace(bytes: Uint8Array): Promise<void>
  /** Has the database take away what was deleted or replaced among the records whose names begin so. @default when it likes to */
  readonly compact?: (prefix: string) => Promise<void>
}

export interface EpochKeysInit {
  readonly file: EpochFile
  readonly dataKey: Secret<'DataKey'>
  readonly clock: Clock
  /** The platform's generator. */
  readonly random: RandomBytes
}

/** The name that the file is sealed for. No record is called so. */
const NAME = 'epochs'

export class EpochKeys {
  readonly #init: EpochKeysInit
  #epochs: Epochs | undefined

  constructor(init: EpochKeysInit) {
    this.#init = init
  }

  /**
   * Reads the file. Where there is none, or it is damaged, a new one is made, and what is under the data key opens still: a store from
   * before there were epochs. Rejects as the file does.
   */
  async load(): Promise<void> {
    if (this.#epochs !== undefined) return
    const bytes = await this.#init.file.read()
    const found = bytes === undefined ? undefined : this.#open(bytes)
    if (found !== undefined) this.#epochs = found
    else await this.#become({ ...this.#fresh(), previous: undefined, beforeEpochs: true })
  }

  /** Unix ms when the key of now was made. */
  get since(): number {
    return this.#now.since
  }

  /** Whether records may be under another key than that of now. */
  get isChanging(): boolean {
    const { previous, beforeEpochs } = this.#now
    return previous !== undefined || beforeEpochs
  }

  seal(name: string, value: Uint8Array, random: RandomBytes): Uint8Array {
    return sealValue(this.#now.current, name, value, random)
  }

  /** Throws `StoreError` ERR_CORRUPT, with the name, when no key that there is has sealed it. */
  open(name: string, sealed: Uint8Array): Uint8Array {
    const { current } = this.#now
    if (!this.isChanging) return openValue(current, name, sealed)
    const value = tryOpen(current, name, sealed) ?? this.openOlder(name, sealed)
    return value ?? openValue(current, name, sealed)
  }

  /** What a key from before has sealed; undefined for anything else. */
  openOlder(name: string, sealed: Uint8Array): Uint8Array | undefined {
    const { previous, beforeEpochs } = this.#now
    const value = previous && tryOpen(previous, name, sealed)
    if (value !== undefined || !beforeEpochs) return value
    return tryOpen(this.#init.dataKey, name, sealed)
  }

  /** A new key. What is sealed from now on is under it. Rejects as the file does, and nothing has changed then. */
  async begin(): Promise<void> {
    if (this.isChanging) return
    await this.#become({
      ...this.#fresh(),
      previous: this.#now.current,
      beforeEpochs: false,
    })
  }

  /** Everything is under the key of now: the others are erased. Rejects as the file does; they are still there then. */
  async end(): Promise<void> {
    const { previous, ...now } = this.#now
    await this.#become({ ...now, previous: undefined, beforeEpochs: false })
    previous?.wipe()
  }

  /** Takes away what nobody can open any more. Never rejects: it goes by itself later. */
  async compact(prefixes: readonly string[]): Promise<void> {
    const { compact } = this.#init.file
    for (const prefix of prefixes) await compact?.(prefix).catch(() => undefined) // as said
  }

  /** Wipes the keys in memory. */
  stop(): void {
    this.#epochs?.current.wipe()
    this.#epochs?.previous?.wipe()
    this.#epochs = undefined
  }

  get #now(): Epochs {
    if (this.#epochs === undefined) throw new StoreError('ERR_CLOSED')
    return this.#epochs
  }

  #fresh(): Pick<Epochs, 'since' | 'current'> {
    const { clock, random } = this.#init
    return { since: clock.now(), current: generateSecret('EpochKey', 32, random) }
  }

  async #become(next: Epochs): Promise<void> {
    const { file, dataKey, random } = this.#init
    const plain = encodeEpochs(next)
    const sealed = sealValue(dataKey, NAME, plain, random)
    plain.fill(0)
    try {
      await file.replace(sealed)
    } catch (cause) {
      if (next.current !== this.#epochs?.current) next.current.wipe()
      throw cause
    }
    this.#epochs = next
  }

  #open(bytes: Uint8Array): Epochs | undefined {
    try {
      return decodeEpochs(openValue(this.#init.dataKey, NAME, bytes))
    } catch (cause) {
      if (cause instanceof StoreError) return undefined
      if (cause instanceof DecodeError && cause.code !== 'ERR_UNKNOWN_VERSION') return undefined
      throw cause
    }
  }
}

function tryOpen(
  key: Secret<'DataKey' | 'EpochKey'>,
  name: string,
  sealed: Uint8Array,
): Uint8Array | undefined {
  try {
    return openValue(key, name, sealed)
  } catch {
    return undefined // another key has sealed it, or it is damaged: the caller tells
  }
}
