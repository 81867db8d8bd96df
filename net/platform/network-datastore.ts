/**
 * The corner of the database that libp2p gets. What it knows of peers is given up where the disk fails: it learns that again, and without
 * it neither connects nor stops.
 */
import { LevelDatastore } from 'datastore-level'
import { NotFoundError } from '@libp2p/interface'
import type { Batch, Key } from 'interface-datastore'
import type { Level } from 'level'
import type { SharedLog } from './shared-log.ts'

const PEERS = '/peers/'

export class NetworkDatastore extends LevelDatastore {
  readonly #log: SharedLog

  constructor(network: Level<string, Uint8Array>, log: SharedLog) {
    super(network)
    this.#log = log
  }

  /** Without a signal, like the other writes: one that nobody waits for any more is on its way all the same. */
  override async put(key: Key, value: Uint8Array): Promise<Key> {
    await this.#write([key], () => super.put(key, value))
    return key
  }

  override async delete(key: Key): Promise<void> {
    await this.#write([key], () => super.delete(key))
  }

  override batch(): Batch {
    const keys: Key[] = []
    const batch = super.batch()
    return {
      put: (key, value) => {
        keys.push(key)
        batch.put(key, value)
      },
      delete: (key) => {
        keys.push(key)
        batch.delete(key)
      },
      commit: () => this.#write(keys, async () => await batch.commit()),
    }
  }

  override async get(
    key: Key,
    options?: Parameters<LevelDatastore['get']>[1],
  ): Promise<Uint8Array> {
    try {
      return await super.get(key, options)
    } catch (cause) {
      options?.signal?.throwIfAborted()
      throw isOfPeer(key) ? new NotFoundError() : cause
    }
  }

  async #write(keys: readonly Key[], write: () => Promise<unknown>): Promise<void> {
    try {
      await this.#log.share(write)
    } catch (cause) {
      if (!keys.every(isOfPeer)) throw cause
    }
  }
}

function isOfPeer(key: Key): boolean {
  return key.toString().startsWith(PEERS)
}
