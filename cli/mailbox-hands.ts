// What the methods of a mailbox work on, for one that serves and for a folder.

import type { MailboxHands } from '../daemon/mailbox-methods.ts'
import type { ConfigView, MailboxStatusView } from '../daemon/mailbox-types.ts'
import type { Json } from '../daemon/json.ts'
import type { MailboxFolder, MailboxHost, Operator } from '../mailbox/index.ts'
import type { LoadedConfig } from './mailbox-config.ts'
import type { Live } from './mailbox-live.ts'

/** From where on a budget that is filled is worth a look. */
const ALERT_AT = 0.8

type Counts = Pick<
  MailboxStatusView,
  | 'members'
  | 'waiting'
  | 'waitingBytes'
  | 'oneTimePairs'
  | 'accepted'
  | 'removed'
  | 'expired'
  | 'damaged'
>

/** Of a mailbox that nobody can reach. */
export function handsOfFolder(
  folder: MailboxFolder,
  loaded: LoadedConfig,
  version: string,
): MailboxHands {
  const { operator, peer } = folder
  return {
    ...common(operator, version),
    config: () => configView(loaded),
    // What was read for this very command is the latest.
    reload: async () => ({ changed: [], needRestart: [] }),
    status: async () => {
      const { acknowledged, expired, removed, ...counts } = await folder.statistics()
      const gone = { expired, removed: acknowledged + expired + removed }
      const away = { up: false, pid: null, startedAt: null, addresses: [], channels: 0 }
      return { peer, ...away, ...withProblems(operator, { ...counts, ...gone }) }
    },
  }
}

/** Of one that serves. */
export function handsOfHost(host: MailboxHost, live: Live, version: string): MailboxHands {
  const { operator, peer } = host
  const startedAt = new Date().toISOString()
  return {
    ...common(operator, version),
    config: () => configView(live.loaded),
    reload: () => live.reload(),
    status: async () => {
      const { channels, republished: _, ...counts } = await host.status()
      const here = { up: true, pid: process.pid, startedAt, addresses: host.addresses, channels }
      return { peer, ...here, ...withProblems(operator, counts) }
    },
  }
}

function common(
  operator: Operator,
  version: string,
): Pick<MailboxHands, 'operator' | 'quota' | 'version'> {
  const quota = () => {
    const { ownerBytes, ownerMessages } = operator.limits
    return { bytes: ownerBytes, messages: ownerMessages }
  }
  return { operator, quota, version }
}

function withProblems(operator: Operator, counts: Counts) {
  const { members: maxMembers, budgetBytes } = operator.limits
  const { isDraining: draining } = operator
  const problems = problemsOf(counts, budgetBytes)
  return { ...counts, maxMembers, budgetBytes, draining, problems }
}

function problemsOf(counts: Counts, budgetBytes: number): readonly string[] {
  const { accepted, removed, waiting, waitingBytes, damaged } = counts
  const filled = Math.floor((100 * waitingBytes) / budgetBytes)
  return [
    ...(damaged === 0 ? [] : [`${damaged} records are damaged: look at the disk`]),
    ...(accepted === removed + waiting
      ? []
      : [`${Math.abs(accepted - removed - waiting)} envelopes are unaccounted for`]),
    ...(filled < 100 * ALERT_AT
      ? []
      : [`${filled} % of the disk budget are filled: nothing new is taken from 90 % on`]),
  ]
}

function configView({ path, sources }: LoadedConfig): ConfigView {
  const values = [...sources].map(([key, { origin, raw }]) => {
    return [key, { origin, value: raw as Json }] as const
  })
  return { file: path, values: Object.fromEntries(values) }
}
