import { closeSync, fdatasyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { median } from '../statistics.ts'
import { ENVELOPE_BYTES } from './orders.ts'

const TIMES = 100

/** Milliseconds (the median) to append an envelope to a file of this folder and sync it. */
export function medianSync(folder: string): number {
  const path = join(folder, 'probe')
  const file = openSync(path, 'w', 0o600)
  const bytes = new Uint8Array(ENVELOPE_BYTES)
  const times: number[] = []
  for (let count = 0; count < TIMES; count++) {
    const begin = performance.now()
    writeSync(file, bytes)
    fdatasyncSync(file)
    times.push(performance.now() - begin)
  }
  closeSync(file)
  rmSync(path)
  return median(times)
}
