/**
 * Writing of protobuf messages that consist of bytes, numbers and such messages: for the few that come by the thousand, which the
 * protobuf runtime takes many times as long for. The bytes are those of the runtime.
 */

/** Number of the field and its value, a number being an unsigned integer. Bytes that are empty and 0 are left out. */
export type PlainField = readonly [number: number, value: PlainValue]
export type PlainValue = Uint8Array | number | readonly PlainField[]

/** The fields in the order given. */
export function encodePlain(fields: readonly PlainField[]): Uint8Array {
  const bytes = new Uint8Array(sizeOfAll(fields))
  putAll(bytes, 0, fields)
  return bytes
}

const VARINT = 0
const LENGTH_DELIMITED = 2

function isLeftOut(value: PlainValue): boolean {
  return value === 0 || (value instanceof Uint8Array && value.length === 0)
}

function sizeOfAll(fields: readonly PlainField[]): number {
  let size = 0
  for (const [number, value] of fields) {
    if (isLeftOut(value)) continue
    size +=
      sizeOfVarint(number << 3) + sizeOfVarint(typeof value === 'number' ? value : sizeOf(value))
    if (typeof value !== 'number') size += sizeOf(value)
  }
  return size
}

function sizeOf(value: Uint8Array | readonly PlainField[]): number {
  return value instanceof Uint8Array ? value.length : sizeOfAll(value)
}

function sizeOfVarint(value: number): number {
  let size = 1
  for (let rest = value; rest > 0x7f; rest = Math.floor(rest / 0x80)) size++
  return size
}

/** The place behind them. */
function putAll(bytes: Uint8Array, start: number, fields: readonly PlainField[]): number {
  let at = start
  for (const [number, value] of fields) {
    if (isLeftOut(value)) continue
    at = putVarint(
      bytes,
      at,
      (number << 3) | (typeof value === 'number' ? VARINT : LENGTH_DELIMITED),
    )
    if (typeof value === 'number') {
      at = putVarint(bytes, at, value)
      continue
    }
    at = putVarint(bytes, at, sizeOf(value))
    if (value instanceof Uint8Array) bytes.set(value, at)
    at = value instanceof Uint8Array ? at + value.length : putAll(bytes, at, value)
  }
  return at
}

function putVarint(bytes: Uint8Array, start: number, value: number): number {
  let at = start
  let rest = value
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80
  bytes[at++] = rest
  return at
}
