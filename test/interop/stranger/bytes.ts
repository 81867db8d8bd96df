/** Bytes, integers and refusals of the stranger: docs/protocol.md, "Notation" and "Errors". */

export type Random = (length: number) => Uint8Array

/** Why the stranger refuses something: a code of the table "Errors". */
export class Refusal extends Error {
  readonly code: string

  constructor(code: string) {
    super(code)
    this.code = code
  }
}

/** Throws a `Refusal` with the code unless the condition holds. */
export function demand(condition: boolean, code: string): asserts condition {
  if (!condition) throw new Refusal(code)
}

/** Runs `action`; whatever it throws becomes a refusal with this one code. */
export function allAs<T>(code: string, action: () => T): T {
  try {
    return action()
  } catch {
    throw new Refusal(code)
  }
}

export function ascii(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}

export function join(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}

export function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i])
}

export function order(a: Uint8Array, b: Uint8Array): number {
  const at = a.findIndex((byte, i) => byte !== b[i])
  return at < 0 ? a.length - b.length : (a[at] ?? 0) - (b[at] ?? -1)
}

export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

export function unhex(text: string): Uint8Array {
  return Uint8Array.from(text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16))
}

export function repeated(byte: number, count: number): Uint8Array {
  return new Uint8Array(count).fill(byte)
}

function integer(value: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length)
  let rest = BigInt(value)
  for (let i = length - 1; i >= 0; i -= 1) {
    bytes[i] = Number(rest & 0xffn)
    rest >>= 8n
  }
  return bytes
}

export const u8 = (value: number): Uint8Array => integer(value, 1)
export const u16 = (value: number): Uint8Array => integer(value, 2)
export const u32 = (value: number): Uint8Array => integer(value, 4)
export const u64 = (value: number): Uint8Array => integer(value, 8)

/** `LP(a, b, …)`; `undefined` is an absent item. */
export function lengthPrefixed(...items: readonly (Uint8Array | undefined)[]): Uint8Array {
  return join(...items.flatMap((item) => [u32(item?.length ?? 0), item ?? new Uint8Array()]))
}

/** Reads a fixed layout from the front; every lack is a `Refusal`. */
export class Layout {
  readonly #bytes: Uint8Array
  #at = 0

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  get left(): number {
    return this.#bytes.length - this.#at
  }

  get at(): number {
    return this.#at
  }

  take(length: number): Uint8Array {
    demand(this.left >= length, 'ERR_TRUNCATED')
    this.#at += length
    return this.#bytes.slice(this.#at - length, this.#at)
  }

  int(length: number): number {
    const value = this.take(length).reduce((sum, byte) => sum * 256n + BigInt(byte), 0n)
    demand(value <= BigInt(Number.MAX_SAFE_INTEGER), 'ERR_MALFORMED')
    return Number(value)
  }

  end(): void {
    demand(this.left === 0, 'ERR_TRAILING')
  }
}
