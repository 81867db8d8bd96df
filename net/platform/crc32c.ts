/** CRC-32C (Castagnoli; RFC 3720, appendix B.4), as LevelDB has it over its blocks. Eight bytes at a time: all tables are read at a start. */

const POLYNOMIAL = 0x82f63b78
const STEP = 8

/** `TABLES[n * 256 + byte]`: what a byte that is followed by n others makes. */
const TABLES = makeTables()

/** Of all bytes. */
export function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff
  let at = 0
  for (; at + STEP <= bytes.length; at += STEP) {
    const low = crc ^ word(bytes, at)
    const high = word(bytes, at + 4)
    crc =
      entry(7, low) ^
      entry(6, low >>> 8) ^
      entry(5, low >>> 16) ^
      entry(4, low >>> 24) ^
      entry(3, high) ^
      entry(2, high >>> 8) ^
      entry(1, high >>> 16) ^
      entry(0, high >>> 24)
  }
  for (; at < bytes.length; at++) crc = entry(0, crc ^ (bytes[at] ?? 0)) ^ (crc >>> 8)
  return (crc ^ 0xffffffff) >>> 0
}

function entry(table: number, byte: number): number {
  return TABLES[table * 256 + (byte & 0xff)] ?? 0
}

function word(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at] ?? 0) |
    ((bytes[at + 1] ?? 0) << 8) |
    ((bytes[at + 2] ?? 0) << 16) |
    ((bytes[at + 3] ?? 0) << 24)
  )
}

function makeTables(): Int32Array {
  const tables = new Int32Array(STEP * 256)
  for (let byte = 0; byte < 256; byte++) {
    let crc = byte
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1
    tables[byte] = crc
  }
  for (let at = 256; at < tables.length; at++) {
    const before = tables[at - 256] ?? 0
    tables[at] = (before >>> 8) ^ (tables[before & 0xff] ?? 0)
  }
  return tables
}
