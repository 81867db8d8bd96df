// How much waits in all boxes together, for many front ends that know nothing of each other. The entry `usage` says of each box at
// least as much as is in it:
//
//   taking:     read the box ──▶ raise its figure to what it will have ──▶ write the box, if it is still what was read
//   letting go: read the figures ──▶ write the box ──▶ lower its figure, if the figures are still what was read
//
// Whoever has read the box before it was written cannot write it any more; whoever reads it afterwards and raises the figure makes the
// lowering fail. What a crash leaves is a figure too high, which the next change of the box corrects.

import { concat, fromHex, toHex, u32, u64, u8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { StoreError } from '../../net/store-error.ts'
import { bytesOf } from './box.ts'
import { names } from './names.ts'
import { accountsOf } from './accounts.ts'
import type { Box } from './box.ts'
import type { Boxes } from './boxes.ts'

const VERSION = 1
const MAX_TRIES = 1000
const ID_BYTES = 16

/** What was found. */
export interface Usage {
  /** Bytes by the id of a box. */
  readonly boxes: ReadonlyMap<string, number>
  readonly revision: number
}

export class Budget {
  readonly #boxes: Boxes

  constructor(boxes: Boxes) {
    this.#boxes = boxes
  }

  async read(): Promise<Usage> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await this.#boxes.entries.get(names.usage)
      if (held?.value !== undefined) {
        return { boxes: decodeUsage(held.value), revision: held.revision }
      }
      await this.#put({ boxes: await this.#recount(), revision: held?.revision ?? 0 })
    }
    throw new StoreError('ERR_IO')
  }

  /**
   * Makes room for a box that will have so many bytes. Written also if the figure is high enough: whoever is about to lower it must
   * notice. False: somebody else has written the figures.
   */
  async raise({ boxes, revision }: Usage, box: string, bytes: number): Promise<boolean> {
    const figure = Math.max(bytes, boxes.get(box) ?? 0)
    return await this.#put({ boxes: new Map(boxes).set(box, figure), revision })
  }

  /** After the box was written. Should somebody else have been faster, the figure stays too high until the box is written again. */
  async lower({ boxes, revision }: Usage, box: Pick<Box, 'id' | 'mail'>): Promise<void> {
    const bytes = bytesOf(box)
    if ((boxes.get(box.id) ?? 0) <= bytes) return
    await this.#put({ boxes: new Map(boxes).set(box.id, bytes), revision })
  }

  /** The box is not written any more. */
  async drop(box: string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { boxes, revision } = await this.read()
      if (!boxes.has(box)) return
      const left = new Map(boxes)
      left.delete(box)
      if (await this.#put({ boxes: left, revision })) return
    }
    throw new StoreError('ERR_IO')
  }

  /** For the first start, or when it is damaged. Each box is written, so that nobody goes by a figure that is gone. */
  async #recount(): Promise<ReadonlyMap<string, number>> {
    const usage = new Map<string, number>()
    for await (const account of accountsOf(this.#boxes)) {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const held = await this.#boxes.get(account)
        if (held?.box === undefined) break
        if (!(await this.#boxes.put(account, held.box, held.revision))) continue
        usage.set(held.box.id, bytesOf(held.box))
        break
      }
    }
    return usage
  }

  async #put({ boxes, revision }: Usage): Promise<boolean> {
    return await this.#boxes.entries.put(names.usage, encodeUsage(boxes), revision)
  }
}

export function totalOf({ boxes }: Usage): number {
  return [...boxes.values()].reduce((sum, bytes) => sum + bytes, 0)
}

/** `u8 1 ‖ u32 count ‖` of each box `id[16] ‖ u64 bytes` */
function encodeUsage(boxes: ReadonlyMap<string, number>): Uint8Array {
  const each = [...boxes].flatMap(([id, bytes]) => [fromHex(id), u64(bytes)])
  return concat(u8(VERSION), u32(boxes.size), ...each)
}

function decodeUsage(value: Uint8Array): ReadonlyMap<string, number> {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const boxes = new Map<string, number>()
  for (let left = from.u32(); left > 0; left--) boxes.set(toHex(from.take(ID_BYTES)), from.u64())
  from.end()
  return boxes
}
