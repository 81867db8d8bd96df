// Records of a person's store that a disk does not give back as they were written, and what the person is told of it.

import type { Person } from './chat-world.ts'

/** Names of records that begin so, in order. */
export async function recordNames({ disk }: Person, prefix: string): Promise<readonly string[]> {
  const found: string[] = []
  for await (const key of disk.store.keys()) if (key.startsWith(prefix)) found.push(key)
  return found
}

/** Flips one bit of a value, counted from its end. Throws where there is no such record. */
export async function flipBit({ disk }: Person, key: string | undefined, bit = 0): Promise<void> {
  const value = key === undefined ? undefined : await disk.store.get(key)
  if (key === undefined || value === undefined) throw new Error(`no such record: ${key}`)
  const damaged = value.slice()
  const at = (value.length - 1 - (bit >> 3) + value.length) % value.length
  damaged[at] = (damaged[at] ?? 0) ^ (1 << (bit & 7))
  await disk.store.put(key, damaged)
}

/** What the log tells of damage, oldest first. */
export async function toldDamage({ core, node }: Person): Promise<readonly string[]> {
  const list: string[] = []
  const { head } = core.events
  if (head === 0) return list
  for await (const event of node.events({ from: 'start' })) {
    if (event.type === 'node.damaged') list.push(`${event.what} ${event.count}`)
    if (event.seq === head) break
  }
  return list
}
