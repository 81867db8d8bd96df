import { beforeEach, expect, test } from 'vitest'
import { Witness } from '../../mailbox/witness.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { WitnessFile } from '../../mailbox/witness.ts'

class MemoryFile implements WitnessFile {
  bytes: Uint8Array | undefined
  isFull = false

  read(): Promise<Uint8Array | undefined> {
    return Promise.resolve(this.bytes)
  }

  write(bytes: Uint8Array): Promise<void> {
    if (this.isFull) return Promise.reject(new Error('no room'))
    this.bytes = bytes
    return Promise.resolve()
  }
}

let clock: ManualClock
let file: MemoryFile
let writes: number

beforeEach(() => {
  clock = new ManualClock()
  file = new MemoryFile()
  writes = 0
})

async function started(isCut = false): Promise<Witness> {
  const witness = new Witness({ file, writes: () => Promise.resolve(writes), isCut, clock })
  await witness.start()
  return witness
}

test('a store that has as much as it had, or more, has lost nothing', async () => {
  const first = await started()
  writes = 5
  await first.stop()
  writes = 7
  expect((await started()).losses).toBe(0)
})

test('a store that has less has lost something, which is not forgotten', async () => {
  const first = await started()
  writes = 5
  await first.stop()
  writes = 4
  expect((await started()).losses).toBe(1)
  expect((await started()).losses).toBe(1)
  writes = 3
  expect((await started()).losses).toBe(2)
})

test('what is written is told of within ten seconds, for a process that ends without saying so', async () => {
  await started()
  writes = 5
  await clock.advance(10_000)
  writes = 4
  expect((await started()).losses).toBe(1)
})

test('a full disk does not end it', async () => {
  const witness = await started()
  file.isFull = true
  writes = 5
  await clock.advance(10_000)
  file.isFull = false
  await clock.advance(10_000)
  await witness.stop()
  writes = 4
  expect((await started()).losses).toBe(1)
})

test('a log that was not read to its end counts, and so does a witness that cannot be read', async () => {
  expect((await started(true)).losses).toBe(1)
  file.bytes = Uint8Array.of(1, 2, 3)
  expect((await started()).losses).toBe(1)
  file.bytes = Uint8Array.of(9)
  expect((await started()).losses).toBe(1)
})
