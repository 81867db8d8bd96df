// What an opened message hands to the caller.

import type { Item } from './padding.ts'
import type { RatchetOpened } from './ratchet-decrypt.ts'
import type { Position } from './skipped-keys.ts'

/** What a message said. The bytes are views of one buffer. */
export interface OpenedContent {
  readonly content: Uint8Array
  readonly items: readonly Item[]
  /** Some items were ignored because they broke a rule. */
  readonly malformedItems: boolean
  readonly position: Position
}

/** The content of an opened body. */
export function contentOf({ body, position }: RatchetOpened): OpenedContent {
  return { content: body.content, items: body.items, malformedItems: body.malformed, position }
}
