/** Multiaddrs as text and as the bytes that links and bundles carry. */
import { multiaddr } from '@multiformats/multiaddr'
import { equalBytes } from '../protocol/bytes.ts'

/**
 * The text of a binary multiaddr; undefined when it is none, since such addresses are advice from outside, and when its text
 * reads as another one: a name may have `/` in it, and whatever else is to be read there.
 */
export function addressText(bytes: Uint8Array): string | undefined {
  try {
    const text = multiaddr(bytes).toString()
    return equalBytes(addressBytes(text), bytes) ? text : undefined
  } catch {
    return undefined
  }
}

/** The texts of those that are multiaddrs. */
export function addressTexts(addresses: readonly Uint8Array[]): readonly string[] {
  return addresses.map(addressText).filter((text) => text !== undefined)
}

/** The bytes of a multiaddr. Throws when the text is none. */
export function addressBytes(text: string): Uint8Array {
  return multiaddr(text).bytes
}
