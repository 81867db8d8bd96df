// What the operating system says of a process, on Linux.
import { readdir, readFile } from 'node:fs/promises'

export interface ProcessFigures {
  /** Bytes that are resident, and of these the ones that no file backs: LevelDB maps its tables, and those pages come with the history. */
  readonly resident: number
  readonly anonymous: number
  readonly descriptors: number
  readonly threads: number
}

export async function processFigures(pid: number): Promise<ProcessFigures> {
  const [status, descriptors] = await Promise.all([
    readFile(`/proc/${pid}/status`, 'utf8'),
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
    descriptors: descriptors.length,
    threads: field('Threads'),
  }
}
