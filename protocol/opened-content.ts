// What an opened message hands to the caller.

import { isKeyPart } from './key-parts.ts'
import type { Item } from './padding.ts'
import type { Received } from './post-quantum-receive.ts'
import type { RatchetOpened } from './ratchet-decrypt.ts'
import type { Position } from './skipped-keys.ts'

/** What a message said. The bytes are views of one buffer. */
export interface OpenedContent {
  readonly content: Uint8Array
  /** What is for the caller; offers and answers were taken by the session. */
  readonly items: readonly Item[]
  /** Some items were ignored because they broke a rule. */
  readonly malformedItems: boolean
  /**
   * An offer or answer contradicts an earlier one and was ignored: the other side runs twice or was
   * rolled back, or we were. The content counts.
   */
  readonly diverged: boolean
  readonly position: Position
}

/** The content of an opened body. */
export function contentOf(
  { body, position }: RatchetOpened,
  { malformed, diverged }: Received,
): OpenedContent {
  const { content } = body
  const items = body.items.filter((item) => !isKeyPart(item))
  return { content, items, malformedItems: body.malformed || malformed, diverged, position }
}
