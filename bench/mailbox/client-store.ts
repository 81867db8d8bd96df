/** Where a client without a store of its own keeps what it has drained: bare LevelDB, synced. */
import { join } from 'node:path'
import { Level } from 'level'
import { Writes } from './writes.ts'

/** Resolves when they are on the disk. */
export type StoreItems = (
  items: readonly { readonly id: bigint | string; readonly envelope: Uint8Array }[],
) => Promise<void>

export async function openStore(folder: string): Promise<StoreItems> {
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'view', compression: false } as const
  const level = new Level<string, Uint8Array>(join(folder, 'level'), encodings)
  await level.open()
  const writes = new Writes(level)
  return (items) =>
    writes.commit(
      items.map(({ id, envelope }) => ({ type: 'put', key: `mail/${id}`, value: envelope })),
    )
}
