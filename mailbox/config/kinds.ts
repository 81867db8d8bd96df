// What a value in the file may be. Each kind says what is wrong in words that follow the name of the key.

import { peerIdFromString } from '@libp2p/peer-id'
import { multiaddr } from '@multiformats/multiaddr'
import { parseDuration, parseSize } from '../../net/units.ts'

/** Told about a value that is not of its kind. */
export class NotOfKind extends Error {}

/** How a value is read. `read` throws `NotOfKind`. */
export interface Kind<T> {
  readonly read: (raw: unknown) => T
  /** Whether the environment gives it as JSON. */
  readonly isJson: boolean
}

const MAX_TEXT = 1024
const MAX_LIST = 1000

/** Tokens at once and for each second after. */
export interface Rate {
  readonly burst: number
  readonly perSecond: number
}

export function text(): Kind<string> {
  return { isJson: false, read: (raw) => short(raw) }
}

export function flag(): Kind<boolean> {
  return {
    isJson: true,
    read: (raw) => (typeof raw === 'boolean' ? raw : fail('must be true or false')),
  }
}

export function count(min: number, max: number): Kind<number> {
  const read = (raw: unknown): number => {
    if (typeof raw === 'number' && Number.isSafeInteger(raw) && raw >= min && raw <= max) return raw
    return fail(`must be a whole number from ${min} to ${max}`)
  }
  return { isJson: true, read }
}

/** `50MiB` */
export function size(min: number): Kind<number> {
  const read = (raw: unknown): number => {
    const bytes = typeof raw === 'string' ? parseSize(raw) : undefined
    if (bytes === undefined) return fail('must be a size such as "50MiB" or "20GiB"')
    return bytes >= min ? bytes : fail(`must be at least ${min} bytes`)
  }
  return { isJson: false, read }
}

/** `14d`, at most `most`. */
export function duration(most: string): Kind<number> {
  const read = (raw: unknown): number => {
    const ms = typeof raw === 'string' ? parseDuration(raw) : undefined
    if (ms === undefined || ms === 0) return fail('must be a duration such as "90s", "6h" or "14d"')
    return ms <= (parseDuration(most) ?? 0) ? ms : fail(`must be at most "${most}"`)
  }
  return { isJson: false, read }
}

/** `60 burst, 1/5s`: so many at once, then so many in each time. */
export function rate(): Kind<Rate> {
  const read = (raw: unknown): Rate => {
    const match = /^(\d{1,9}) burst, (\d{1,9})\/(\d{0,6}(?:ms|s|m|h|d))$/.exec(asText(raw))
    const each = match?.[3] ?? ''
    const ms = parseDuration(/^\d/.test(each) ? each : `1${each}`)
    const [burst, many] = [Number(match?.[1]), Number(match?.[2])]
    if (match === null || ms === undefined || ms === 0 || burst === 0) {
      return fail('must be a rate such as "60 burst, 1/5s"')
    }
    return { burst, perSecond: (many * 1000) / ms }
  }
  return { isJson: false, read }
}

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  const known = words.map((word) => `"${word}"`).join(', ')
  return {
    isJson: false,
    read: (raw) => words.find((word) => word === raw) ?? fail(`must be one of ${known}`),
  }
}

/** A multiaddr, or `tcp/4601` and `ws/4602` for all addresses of this computer. */
export function listenAddresses(): Kind<readonly string[]> {
  return list((raw) => {
    const [, transport, port] = /^(tcp|ws)\/(\d{1,5})$/.exec(asText(raw)) ?? []
    if (transport === undefined) return address(raw)
    return address(`/ip4/0.0.0.0/tcp/${port}${transport === 'ws' ? '/ws' : ''}`)
  })
}

export function addresses(): Kind<readonly string[]> {
  return list(address)
}

/** PeerIds. */
export function peers(): Kind<readonly string[]> {
  return list((raw) => {
    try {
      return peerIdFromString(asText(raw)).toString()
    } catch {
      return fail('must be a list of PeerIds such as "12D3KooW…"')
    }
  })
}

/** A host and a port to listen on, `off` for none. */
export function endpoint(): Kind<{ readonly host: string; readonly port: number } | undefined> {
  const read = (raw: unknown) => {
    if (raw === 'off') return undefined
    const [, v6, v4, digits] =
      /^(?:\[([0-9a-fA-F:]+)\]|([\w.-]+)):(\d{1,5})$/.exec(asText(raw)) ?? []
    const [host, port] = [v6 ?? v4, Number(digits)]
    if (host === undefined || port > 65_535) {
      return fail('must be an address such as "127.0.0.1:9464", or "off"')
    }
    return { host, port }
  }
  return { isJson: false, read }
}

function list<T>(one: (raw: unknown) => T): Kind<readonly T[]> {
  const read = (raw: unknown): readonly T[] => {
    if (!Array.isArray(raw)) return fail('must be a list')
    if (raw.length > MAX_LIST) return fail(`must be a list of at most ${MAX_LIST}`)
    return raw.map((each: unknown) => one(each))
  }
  return { isJson: true, read }
}

function address(raw: unknown): string {
  try {
    const found = multiaddr(asText(raw))
    if (found.getComponents().length > 0) return found.toString()
  } catch {
    // Said below.
  }
  return fail('must be a list of addresses such as "/ip4/0.0.0.0/tcp/4601"')
}

function short(raw: unknown): string {
  const given = typeof raw === 'string' ? raw : fail('must be a text')
  return given.length <= MAX_TEXT ? given : fail(`must have at most ${MAX_TEXT} characters`)
}

/** Nothing that any pattern takes, when it is no short text. */
function asText(raw: unknown): string {
  return typeof raw === 'string' && raw.length <= MAX_TEXT ? raw : ''
}

function fail(problem: string): never {
  throw new NotOfKind(problem)
}
