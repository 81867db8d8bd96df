/**
 * Which addresses that were learnt from others are dialled: those of bundles, of the DHT and of identify. Whoever signs a bundle
 * could otherwise make its readers knock at any port of their own machine and network. What the user has given, and what a
 * bootstrap list says, is dialled wherever it is. Decides by the text alone: where a name leads to is not asked.
 */
import { multiaddr } from '@multiformats/multiaddr'
import { ipv4Scope, ipv6Scope, type Scope } from './address-scope.ts'

export interface DialPolicyInit {
  /** What this node listens on and announces, multiaddrs. An unspecified address (0.0.0.0) is in no scope. */
  readonly listen: readonly string[]
  readonly announce?: readonly string[]
  /** Dialled in any case; and a network that its user has put us into is one whose other addresses may be dialled. */
  readonly bootstrap?: readonly string[]
  /** Whether the local network is looked at: private and link-local addresses may then be dialled, the own machine's not. */
  readonly lan?: boolean
}

export interface DialPolicy {
  /** `address`: a multiaddr, with or without `/p2p`. */
  mayDial(address: string): boolean
  /** The user has given these. */
  permit(addresses: readonly string[]): void
}

/** Addresses of one peer that are tried in one dial; each costs a connection attempt. */
export const MAX_DIALLED_ADDRESSES = 16

/** Throws nothing: what is no multiaddr is in no scope, and never dialled. */
export function dialPolicy(init: DialPolicyInit): DialPolicy {
  const { listen, announce = [], bootstrap = [], lan = false } = init
  const scopes = new Set<Scope>(['public'])
  // The port may still be 0: any.
  for (const [host] of [...listen, ...announce, ...bootstrap].map(componentsOf)) {
    if (host !== undefined) scopes.add(hostScope(host))
  }
  if (lan) scopes.add('private').add('link-local')
  scopes.delete('never')
  const permitted = new Set<string>()
  const permit = (addresses: readonly string[]): void => {
    for (const target of addresses.map(targetOf)) if (target !== '') permitted.add(target)
  }
  permit(bootstrap)
  return {
    permit,
    mayDial: (address) => scopes.has(scopeOf(address)) || permitted.has(targetOf(address)),
  }
}

const NAMES = ['dns', 'dns4', 'dns6', 'dnsaddr']

/** What may stand behind host and TCP port. */
const BEHIND = ['p2p', 'ws', 'wss', 'tls', 'sni', 'http', 'http-path', 'certhash']

/** Where a multiaddr leads. `never`: not to one host, not by TCP, or it is none. */
export function scopeOf(address: string): Scope {
  const [host, port, ...behind] = componentsOf(address)
  if (host === undefined) return 'never'
  const isResolved = host.name !== 'dnsaddr'
  if (isResolved && (port?.name !== 'tcp' || Number(port.value) === 0)) return 'never'
  const rest = isResolved || port === undefined ? behind : [port, ...behind]
  const allowed = isResolved ? BEHIND : ['p2p']
  return rest.every(({ name }) => allowed.includes(name)) ? hostScope(host) : 'never'
}

function hostScope({ name, value = '' }: Component): Scope {
  if (name === 'ip4') return ipv4Scope(value)
  if (name === 'ip6') return ipv6Scope(value)
  return NAMES.includes(name) ? nameScope(value) : 'never'
}

interface Component {
  readonly name: string
  readonly value?: string | undefined
}

/** As its bytes say, so that one address has one spelling. A zone is a matter of the host, not of where it is. */
function componentsOf(address: string): readonly Component[] {
  try {
    const canonical = multiaddr(multiaddr(address).bytes)
    return canonical.getComponents().filter(({ name }) => name !== 'ip6zone')
  } catch {
    return []
  }
}

/** The address without the peer; empty where it is none. */
function targetOf(address: string): string {
  return componentsOf(address)
    .filter(({ name }) => name !== 'p2p')
    .map(({ name, value = '' }) => `${name}/${value}`)
    .join('/')
}

/** Names that no public server answers for: RFC 6761, 6762, 8375, and those without a dot. */
const LOCAL_NAME = /^[^.]*$|\.(?:local|lan|home|internal|intranet|private|corp|home\.arpa)$/

function nameScope(name: string): Scope {
  const lower = name.toLowerCase().replace(/\.$/, '')
  if (lower === 'localhost' || lower.endsWith('.localhost')) return 'loopback'
  if (/^[\d.]+$|:|^0x/.test(lower)) return 'never' // an IP address in disguise
  return LOCAL_NAME.test(lower) ? 'private' : 'public'
}
