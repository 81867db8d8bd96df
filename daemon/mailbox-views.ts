// What an operator is shown: nothing that names anybody.

import type { ListedInvitation, Member, Quota } from '../mailbox/index.ts'
import type { InvitationView, MemberView } from './mailbox-types.ts'

export function invitationView(invitation: ListedInvitation): InvitationView {
  const { id, label, uses, used, expiresAt, quota, spent } = invitation
  return {
    ...{ id, label, used, spent },
    uses: uses ?? null,
    expiresAt: expiresAt === undefined ? null : new Date(expiresAt).toISOString(),
    quota: quota ?? null,
  }
}

/** `everybody`: the quota of those who have none of their own. */
export function memberView(member: Member, everybody: Quota): MemberView {
  const { id, label, status, messages, bytes, pairs } = member
  const { bytes: maxBytes, messages: maxMessages } = member.quota ?? everybody
  const ownQuota = member.quota !== undefined
  return {
    id,
    label,
    status,
    messages,
    bytes,
    maxMessages,
    maxBytes,
    ownQuota,
    oneTimePairs: pairs,
  }
}
