import { expect } from 'vitest'

/** Class and code of what `run` throws, for example `DecodeError ERR_TRAILING`; fails when it does not throw. */
export function refusal(run: () => unknown): string {
  const result = outcome(() => ({ returned: run() }))
  return typeof result === 'string' ? result : expect.fail('nothing was thrown')
}

/** What `run` returns, or class and code of what it throws. */
export function outcome<T>(run: () => T): T | string {
  try {
    return run()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return `${error.name} ${String(error.code)}`
    throw error
  }
}

/** The cause of what `run` throws. */
export function causeOf(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error instanceof Error ? error.cause : undefined
  }
  return expect.fail('nothing was thrown')
}

/** Every strict prefix and some longer forms are refused with an error of ours. */
export function expectExact(bytes: Uint8Array, decode: (bytes: Uint8Array) => unknown): void {
  for (let length = 0; length < bytes.length; length += 1) {
    expect(refusal(() => decode(bytes.slice(0, length)))).toMatch(OURS)
  }
  for (const tail of [[0], [1], [0xff], [0x78, 0], [0x08, 1], [0, 0, 0, 0]]) {
    expect(refusal(() => decode(Uint8Array.from([...bytes, ...tail])))).toMatch(OURS)
  }
}

/** Any one changed bit is refused with an error of ours. */
export function expectNoBitSpare(
  bytes: Uint8Array,
  decode: (bytes: Uint8Array) => unknown,
  step = 1,
): void {
  for (let bit = 0; bit < bytes.length * 8; bit += step) {
    const changed = bytes.slice()
    changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7))
    expect(refusal(() => decode(changed))).toMatch(OURS)
  }
}

const OURS = /^(DecodeError|RecordError) ERR_/
