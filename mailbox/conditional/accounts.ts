// Going through all boxes.

import { fromHex } from '../../protocol/bytes.ts'
import { names } from './names.ts'
import type { Boxes } from './boxes.ts'

/** Names read at a time. */
const RUN = 256

/** All accounts with a box, also those that are joining. */
export async function* accountsOf(boxes: Boxes, after = ''): AsyncGenerator<Uint8Array> {
  for (let last = after; ;) {
    const page = await boxes.entries.list(names.boxes, last, RUN)
    for (const name of page) yield fromHex(name.slice(names.boxes.length))
    last = page.at(-1) ?? ''
    if (page.length < RUN) return
  }
}
