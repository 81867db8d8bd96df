/** How far IP addresses reach: the tables of RFC 6890 and its successors, as far as dialling is concerned. */

/** `never`: an address that nobody can be reached at, or that stands for many. */
export type Scope = 'public' | 'private' | 'link-local' | 'loopback' | 'never'

type Range = readonly [network: readonly number[], bits: number, scope: Scope]

const IPV4: readonly Range[] = [
  [[0], 8, 'never'],
  [[10], 8, 'private'],
  [[100, 64], 10, 'private'],
  [[127], 8, 'loopback'],
  [[169, 254], 16, 'link-local'],
  [[172, 16], 12, 'private'],
  [[192, 0, 0], 24, 'never'],
  [[192, 168], 16, 'private'],
  [[198, 18], 15, 'private'],
  // Multicast, reserved, broadcast.
  [[224], 3, 'never'],
]

const IPV6: readonly Range[] = [
  [[0, 0, 0, 0, 0, 0, 0, 1], 128, 'loopback'],
  // Unspecified, and IPv4 in an old form.
  [[0, 0, 0, 0, 0, 0], 96, 'never'],
  // Discarded; Teredo, whose addresses lead through somebody else.
  [[0x100], 64, 'never'],
  [[0x2001, 0], 32, 'never'],
  [[0xfc00], 7, 'private'],
  [[0xfe80], 10, 'link-local'],
  [[0xfec0], 10, 'private'],
  [[0xff00], 8, 'never'],
]

/** `text`: four decimal numbers. Anything else is `never`. */
export function ipv4Scope(text: string): Scope {
  if (!/^(?:\d{1,3}\.){3}\d{1,3}$/.test(text)) return 'never'
  const parts = text.split('.').map(Number)
  return parts.some((part) => part > 255) ? 'never' : scopeIn(IPV4, parts, 8)
}

/** `text`: RFC 4291. Addresses that carry one of IPv4 (mapped, NAT64, 6to4) are where that is. Anything else is `never`. */
export function ipv6Scope(text: string): Scope {
  const groups = groupsOf(text)
  if (groups === undefined) return 'never'
  const carried = carriedIpv4(groups)
  return carried === undefined ? scopeIn(IPV6, groups, 16) : scopeIn(IPV4, carried, 8)
}

/** The first range that holds the address; public, if none does. */
function scopeIn(ranges: readonly Range[], parts: readonly number[], partBits: number): Scope {
  const range = ranges.find(([network, bits]) => {
    for (let at = 0; at * partBits < bits; at++) {
      const shift = Math.max(0, partBits - (bits - at * partBits))
      if (((parts[at] ?? 0) ^ (network[at] ?? 0)) >> shift !== 0) return false
    }
    return true
  })
  return range?.[2] ?? 'public'
}

const MAPPED = [0, 0, 0, 0, 0, 0xffff]
const NAT64 = [0x64, 0xff9b, 0, 0, 0, 0]

function carriedIpv4(groups: readonly number[]): readonly number[] | undefined {
  const begins = (prefix: readonly number[]): boolean =>
    prefix.every((group, at) => groups[at] === group)
  const at = begins(MAPPED) || begins(NAT64) ? 6 : begins([0x2002]) ? 1 : undefined
  if (at === undefined) return undefined
  return groups.slice(at, at + 2).flatMap((group) => [group >> 8, group & 0xff])
}

/** Eight numbers of 16 bits. */
function groupsOf(text: string): readonly number[] | undefined {
  const [head = '', tail, more] = text.split('::')
  if (more !== undefined) return undefined
  const before = partsOf(head)
  const after = partsOf(tail ?? '')
  const missing = 8 - before.length - after.length
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined
  const groups = [...before, ...Array<number>(missing).fill(0), ...after]
  return groups.some((group) => !(group <= 0xffff)) ? undefined : groups
}

/** Groups of one half; NaN for what is none. The last may be an IPv4 address. */
function partsOf(half: string): readonly number[] {
  if (half === '') return []
  return half.split(':').flatMap((group) => {
    if (/^[\da-f]{1,4}$/i.test(group)) return [Number.parseInt(group, 16)]
    const parts = /^(?:\d{1,3}\.){3}\d{1,3}$/.test(group) ? group.split('.').map(Number) : []
    const [a = NaN, b = NaN, c = NaN, d = NaN] = parts
    return parts.some((part) => part > 255) ? [NaN] : [a * 256 + b, c * 256 + d]
  })
}
