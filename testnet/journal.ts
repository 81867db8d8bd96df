// What senders were told was accepted, written down outside of the nodes' own stores: the judge checks them against it.

import { open, readFile } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import type { PeerName } from '../net/ports.ts'
import type { Accepted } from './judge.ts'
import { hashOf } from './stores.ts'

export class Journal implements AsyncDisposable {
  readonly #path: string
  readonly #file: FileHandle

  private constructor(path: string, file: FileHandle) {
    this.#path = path
    this.#file = file
  }

  static async open(path: string): Promise<Journal> {
    return new Journal(path, await open(path, 'a', 0o600))
  }

  /** To be called once the sender has the answer. */
  async accepted(message: {
    readonly id: string
    readonly from: PeerName
    readonly to: PeerName
    readonly text: string
  }): Promise<void> {
    const { id, from, to, text } = message
    const entry: Accepted = { id, from, to, hash: hashOf(text) }
    await this.#file.appendFile(`${JSON.stringify(entry)}\n`)
  }

  async read(): Promise<readonly Accepted[]> {
    const lines = (await readFile(this.#path, 'utf8')).split('\n').filter((line) => line !== '')
    return lines.map((line) => {
      const entry: unknown = JSON.parse(line)
      return entry as Accepted // written by `accepted` above
    })
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file.close()
  }
}
