// Every key of a mailbox's configuration. `docs/configuration.md` has the same table, which a test compares.

import { DEFAULT_LISTEN } from '../listen.ts'
import { DEFAULT_LIMITS } from '../limits.ts'
import { addresses, count, duration, endpoint, flag, listenAddresses } from './kinds.ts'
import { oneOf, peers, rate, size, text } from './kinds.ts'
import type { Kind } from './kinds.ts'

/** One key: what it takes, what it is without the file, and whether a running mailbox takes a new value. */
export interface Key<T> {
  readonly kind: Kind<T>
  /** As it would stand in the file. */
  readonly byDefault: unknown
  readonly reloads: boolean
  readonly brief: string
}

function key<T>(kind: Kind<T>, byDefault: unknown, brief: string): Key<T> {
  return { kind, byDefault, reloads: false, brief }
}

/** A key that a running mailbox takes a new value of. */
function live<T>(kind: Kind<T>, byDefault: unknown, brief: string): Key<T> {
  return { kind, byDefault, reloads: true, brief }
}

const MIB = 1024 * 1024

export const KEYS = {
  host: {
    data: key(text(), '', 'folder of the mailbox; empty: that of the user, or --home'),
    public: key(text(), '', 'DNS name under which the listen addresses are announced'),
    listen: key(listenAddresses(), DEFAULT_LISTEN, 'addresses to listen on'),
    announce: key(addresses(), [], 'addresses to announce instead of all others'),
    bootstrap: key(addresses(), [], 'peers that know the network'),
    lan: key(flag(), false, 'announce the mailbox on the local network'),
    replication: key(count(1, 20), 20, 'peers that hold a record; smaller in test networks only'),
  },
  policy: {
    join: live(oneOf('invite', 'allow-list', 'open'), 'invite', 'who may join'),
    members: live(peers(), [], 'with "allow-list": the PeerIds that may join'),
    new_members: live(flag(), true, 'false: nobody joins any more, members stay'),
  },
  quota: {
    members: live(count(0, 1_000_000), DEFAULT_LIMITS.members, 'members in all'),
    per_member_bytes: live(size(1), '50MiB', 'waiting mail of a member'),
    per_member_messages: live(count(1, 1_000_000), DEFAULT_LIMITS.ownerMessages, 'in envelopes'),
    strangers_bytes: live(size(0), '4MiB', 'of that from strangers, once there are tokens'),
    strangers_messages: live(count(0, 1_000_000), DEFAULT_LIMITS.strangerMessages, 'in envelopes'),
    keep_messages: live(duration('21d'), '21d', 'how long mail is kept for its owner'),
    keep_first_messages: live(duration('14d'), '14d', 'the same for first messages'),
    disk_budget: live(size(MIB), '20GiB', 'waiting mail of all; above 90 % nothing new is taken'),
  },
  rate: {
    deposits_per_address: live(rate(), '10000 burst, 500/s', 'deposits from one address'),
    prekeys_per_address: live(rate(), '256 burst, 4/s', 'one-time keys given to one address'),
    prekeys: live(rate(), '1024 burst, 32/s', 'one-time keys given to all'),
    wrong_invitations: live(rate(), '20 burst, 1/10s', 'wrong join secrets from one address'),
    channels: live(count(2, 100_000), DEFAULT_LIMITS.channels, 'visits at a time'),
    member_channels: live(count(0, 100_000), DEFAULT_LIMITS.memberChannels, 'of them for members'),
  },
  metrics: {
    listen: key(endpoint(), 'off', 'where health and metrics are served, over HTTP'),
  },
  log: {
    level: live(oneOf('error', 'warn', 'info', 'debug'), 'info', 'what is logged'),
  },
} as const

type Keys = typeof KEYS

/** What the configuration says, as the program uses it: bytes, ms. */
export type MailboxConfig = {
  readonly [S in keyof Keys]: {
    readonly [K in keyof Keys[S]]: Keys[S][K] extends Key<infer T> ? T : never
  }
}

/** A key with its section, in the order of the table. */
export interface NamedKey extends Key<unknown> {
  readonly section: string
  readonly name: string
  /** `quota.disk_budget` */
  readonly path: string
  /** `SOTTO_QUOTA__DISK_BUDGET` */
  readonly variable: string
}

export const ALL_KEYS: readonly NamedKey[] = Object.entries(KEYS).flatMap(([section, keys]) =>
  Object.entries<Key<unknown>>(keys).map(([name, one]) => ({
    ...one,
    section,
    name,
    path: `${section}.${name}`,
    variable: `SOTTO_${section}__${name}`.toUpperCase(),
  })),
)
