// What the operating system says of a process, on Linux.
import { readdir, readFile } from 'node:fs/promises'

export interface ProcessFigures {
  /** Bytes that are resident, and of these the ones that no file backs: LevelDB maps its tables, and those pages come with the history. */
  readonly resident: number
  readonly anonymous: number
  /** Of those, what V8 has not taken for its heap: memory of libc, stacks, WebAssembly. */
  readonly native: number
  readonly descriptors: number
  readonly threads: number
}

export async function processFigures(pid: number): Promise<ProcessFigures> {
  const [status, maps, descriptors] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
    readFile(`/proc/${pid}/smaps`, 'utf8'),
    readdir(`/proc/${pid}/fd`),
  ])
  const field = (name: string): number => {
    const found = new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]
    if (found === undefined) throw new Error(`no ${name} in the status of a process`)
    return Number(found)
  }
  return {
    resident: field('VmRSS') * 1024,
    anonymous: field('RssAnon') * 1024,
    native: nativeBytes(maps),
    descriptors: descriptors.length,
    threads: field('Threads'),
  }
}

/** Here the kernel puts what does not say where it wants to be. V8 says so for its heap: in the lower half, anywhere. */
const UNPLACED = 0x7000_0000_0000

/** Anonymous bytes of libc's first heap and of what the kernel has placed. `maps`: /proc/PID/smaps. */
export function nativeBytes(maps: string): number {
  let [sum, isNative] = [0, false]
  for (const line of maps.split('\n')) {
    const from = /^([0-9a-f]+)-[0-9a-f]+ /.exec(line)?.[1]
    if (from !== undefined) isNative = line.endsWith('[heap]') || parseInt(from, 16) >= UNPLACED
    const anonymous = /^Anonymous:\s+(\d+)/.exec(line)?.[1]
    if (isNative && anonymous !== undefined) sum += Number(anonymous) * 1024
  }
  return sum
}
