// What a mailbox is told of its configuration.

import { multiaddr } from '@multiformats/multiaddr'
import type { PeerName } from '../../net/ports.ts'
import type { MailboxLimits } from '../limits.ts'
import type { Joining } from '../rules.ts'
import type { MailboxConfig } from './keys.ts'

/** How a mailbox is on the network. */
export interface NetworkConfig {
  readonly listen: readonly string[]
  /** Undefined: what is listened on. */
  readonly announce: readonly string[] | undefined
  readonly bootstrap: readonly string[]
  readonly lan: boolean
  readonly replication: number
}

/** What counts from one request to the next. */
export function rulesOf({ policy, quota, rate }: MailboxConfig): {
  readonly limits: Partial<MailboxLimits>
  readonly joining: Joining
} {
  return {
    joining: {
      policy: policy.join,
      // The kind of the key has seen that they are PeerIds.
      members: policy.members.map((name) => name as PeerName),
      newMembers: policy.new_members,
    },
    limits: {
      members: quota.members,
      ownerBytes: quota.per_member_bytes,
      ownerMessages: quota.per_member_messages,
      strangerBytes: quota.strangers_bytes,
      strangerMessages: quota.strangers_messages,
      keepMessagesMs: quota.keep_messages,
      keepFirstMessagesMs: quota.keep_first_messages,
      budgetBytes: quota.disk_budget,
      channels: rate.channels,
      memberChannels: rate.member_channels,
      addressDeposits: rate.deposits_per_address.burst,
      addressDepositsPerSecond: rate.deposits_per_address.perSecond,
      addressPairs: rate.prekeys_per_address.burst,
      addressPairsPerSecond: rate.prekeys_per_address.perSecond,
      pairs: rate.prekeys.burst,
      pairsPerSecond: rate.prekeys.perSecond,
      addressJoins: rate.wrong_invitations.burst,
      addressJoinsPerSecond: rate.wrong_invitations.perSecond,
    },
  }
}

/** A public name is announced with the ports that are listened on. */
export function networkOf({ host }: MailboxConfig): NetworkConfig {
  const { listen, bootstrap, lan, replication } = host
  const named = host.public === '' ? [] : listen.map((address) => underName(host.public, address))
  const announce = host.announce.length > 0 ? host.announce : named
  return {
    listen,
    bootstrap,
    lan,
    replication,
    announce: announce.length > 0 ? announce : undefined,
  }
}

function underName(name: string, address: string): string {
  const [host, ...rest] = multiaddr(address).getComponents()
  const tail = rest.map(
    ({ name: protocol, value }) => `/${protocol}${value === undefined ? '' : `/${value}`}`,
  )
  return host === undefined ? address : `/dns/${name}${tail.join('')}`
}
