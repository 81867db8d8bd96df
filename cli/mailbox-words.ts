// How invitations, members and settings of a mailbox look on a terminal.

import type { ConfigView, InvitationView, MemberView } from '../daemon/mailbox-types.ts'
import { renderBytes, renderTable } from './render.ts'

/** `invitation 3: one person may join by it, until 2026-11-29 10:00` */
export function invitationWords({ id, uses, expiresAt, quota }: InvitationView): string {
  const who = uses === null ? 'anybody' : uses === 1 ? 'one person' : `${uses} people`
  const until = expiresAt === null ? '' : `, until ${minute(expiresAt)} UTC`
  const room = quota === null ? '' : `, with room for ${renderBytes(quota.bytes)}`
  return `invitation ${id}: ${who} may join by it${until}${room}`
}

export function invitationTable(invitations: readonly InvitationView[]): string {
  const rows = invitations.map(({ id, label, uses, used, expiresAt, quota, spent }) => [
    ...[String(id), label === '' ? '-' : label, `${used} of ${uses ?? 'any'}`],
    expiresAt === null ? 'never' : minute(expiresAt),
    quota === null ? 'default' : renderBytes(quota.bytes),
    spent ? 'spent' : 'open',
  ])
  return renderTable([['ID', 'LABEL', 'USED', 'EXPIRES (UTC)', 'QUOTA', 'STATE'], ...rows])
}

export function memberTable(members: readonly MemberView[]): string {
  const rows = members.map((member) => [
    ...[member.id, member.label === '' ? '-' : member.label, member.status],
    `${member.messages} of ${member.maxMessages}`,
    `${renderBytes(member.bytes)} of ${renderBytes(member.maxBytes)}`,
    String(member.oneTimePairs),
  ])
  return renderTable([['ID', 'LABEL', 'STATUS', 'MESSAGES', 'BYTES', 'KEYS'], ...rows])
}

/** `join = "invite"   default` for each key of a section. */
export function sectionTable({ values }: ConfigView, section: string): string {
  const rows = Object.entries(values)
    .filter(([path]) => path.startsWith(`${section}.`))
    .map(([path, { value, origin }]) => [
      `${path.slice(section.length + 1)} = ${JSON.stringify(value)}`,
      origin,
    ])
  return renderTable(rows)
}

function minute(time: string): string {
  return time.slice(0, 16).replace('T', ' ')
}
