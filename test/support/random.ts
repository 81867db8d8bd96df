import type { RandomBytes } from '../../protocol/bytes.ts'

/** A deterministic stream of bytes (sfc32), the same everywhere for the same seed. For tests only. */
export function seededRandom(seed: number | string): RandomBytes {
  const next = sfc32(String(seed))
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let i = 0; i < length; i += 1) bytes[i] = next() & 0xff
    return bytes
  }
}

function sfc32(seed: string): () => number {
  let a = 0x9e3779b9
  let b = 0x243f6a88
  let c = 0xb7e15162
  let d = 1
  const next = (): number => {
    const sum = (((a + b) | 0) + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = (c << 21) | (c >>> 11)
    c = (c + sum) | 0
    return sum >>> 8
  }
  for (const character of seed) {
    a ^= character.codePointAt(0) ?? 0
    for (let i = 0; i < 4; i += 1) next()
  }
  for (let i = 0; i < 16; i += 1) next()
  return next
}
