// The methods of a mailbox's local socket, one function each. The socket and a command that has opened the folder itself use this
// same table.

import { CryptoError, DecodeError } from '../protocol/errors.ts'
import { SottoError } from '../node/errors.ts'
import { either, flag, integer, optional, readParams, text } from './params.ts'
import { MAILBOX_API_VERSION } from './mailbox-types.ts'
import { invitationView, memberView } from './mailbox-views.ts'
import type { Member, MemberPolicy, Operator, Quota } from '../mailbox/index.ts'
import type { BoundMethods } from './connection.ts'
import type { ConfigView, MailboxMethodTypes, MailboxStatusView } from './mailbox-types.ts'
import type { MailboxMethodName, MemberView, QuotaView, ReloadView } from './mailbox-types.ts'
import type { Check } from './params.ts'

/** What the methods work on: a mailbox that serves, or its folder. */
export interface MailboxHands {
  readonly operator: Operator
  /** What everybody gets, as of now. */
  readonly quota: () => Quota
  readonly status: () => Promise<MailboxStatusView>
  readonly config: () => ConfigView
  /** Throws SottoError CONFIG_INVALID; the old values count then. */
  readonly reload: () => Promise<ReloadView>
  readonly version: string
}

export type MailboxTable = {
  readonly [M in MailboxMethodName]: (params: unknown) => Promise<MailboxMethodTypes[M]['result']>
}

const MAX_LABEL_BYTES = 64
const MAX_USES = 1_000_000
const MAX_COUNT = 1_000_000
const MAX_EXPIRY_MS = 366 * 86_400_000
const MAX_ID = 64
/** A mailbox link has at most 320 characters. */
const MAX_LINK = 1024

const nothing: Check<null> = (value, field) => {
  if (value !== null) throw new SottoError('INVALID_ARGUMENT', `${field} must be null`)
  return null
}
const quotaCheck: Check<QuotaView> = (value) =>
  readParams(value, {
    bytes: integer(1, Number.MAX_SAFE_INTEGER),
    messages: optional(integer(1, MAX_COUNT)),
  }) as QuotaView
const byId = { id: text(MAX_ID) }

async function drain(operator: Operator, to: string | undefined): Promise<void> {
  try {
    await operator.drain(to)
  } catch (cause) {
    const wrong = cause instanceof DecodeError || cause instanceof CryptoError
    if (!wrong) throw cause
    throw new SottoError('INVALID_ARGUMENT', 'this mailbox link is damaged or incomplete', {
      cause,
      hint: 'ask for the link of the mailbox that takes the place of this one',
    })
  }
}

/** Every method by name, all of which reject with SottoError or `Refusal` only. */
export function mailboxMethods(hands: MailboxHands, stop: () => void): MailboxTable {
  const { operator } = hands
  const change = async (params: unknown, policy: Partial<MemberPolicy>): Promise<MemberView> => {
    const member = await find(operator, readParams(params, byId).id)
    return memberView(await operator.setPolicy(member, policy), hands.quota())
  }
  const end = async (params: unknown, how: 'remove' | 'wipe'): Promise<MemberView> => {
    const member = await find(operator, readParams(params, byId).id)
    await operator[how](member)
    return memberView(member, hands.quota())
  }
  return {
    'meta.hello': async (params) => {
      readParams(params, {})
      const { version } = hands
      return { version, api: MAILBOX_API_VERSION, pid: process.pid, kind: 'mailbox' }
    },
    'mailbox.status': async (params) => {
      readParams(params, {})
      return await hands.status()
    },
    'mailbox.drain': async (params) => {
      const { to, off } = readParams(params, {
        to: optional(text(MAX_LINK)),
        off: optional(flag),
      })
      if (off === true) await operator.undrain()
      else await drain(operator, to)
      return { draining: operator.isDraining, waiting: (await hands.status()).waiting }
    },
    'mailbox.stop': async (params) => {
      readParams(params, {})
      stop()
      return { stopping: true }
    },
    'invite.new': async (params) => {
      const { label, uses, expiresIn, quota } = readParams(params, {
        label: optional(label64),
        uses: either(nothing, integer(1, MAX_USES)),
        expiresIn: either(nothing, integer(1, MAX_EXPIRY_MS)),
        quota: optional(quotaCheck),
      })
      const { invitation, link } = await operator.invite({
        ...{ label, uses: uses ?? undefined, expiresIn: expiresIn ?? undefined },
        quota: quota === undefined ? undefined : ownQuota(quota, hands.quota()),
      })
      return { invitation: invitationView({ ...invitation, spent: false }), link }
    },
    'invite.list': async (params) => {
      readParams(params, {})
      return { invitations: (await operator.invitations()).map(invitationView) }
    },
    'invite.revoke': async (params) => {
      const { id } = readParams(params, { id: integer(1, 2 ** 32 - 1) })
      if (await operator.revoke(id)) return { revoked: id }
      throw new SottoError('INVITATION_NOT_FOUND', `there is no invitation ${id}`, {
        hint: 'see: sotto mailbox invite list',
      })
    },
    'member.list': async (params) => {
      readParams(params, {})
      const quota = hands.quota()
      return { members: (await operator.members()).map((member) => memberView(member, quota)) }
    },
    'member.quota': async (params) => {
      const checks = { id: text(MAX_ID), quota: either(nothing, quotaCheck) }
      const { id, quota } = readParams(params, checks)
      const own = quota === null ? undefined : ownQuota(quota, hands.quota())
      return await change({ id }, { quota: own })
    },
    'member.suspend': async (params) => await change(params, { status: 'suspended' }),
    'member.resume': async (params) => await change(params, { status: 'active' }),
    'member.remove': async (params) => await end(params, 'remove'),
    'member.wipe': async (params) => await end(params, 'wipe'),
    'config.show': async (params) => {
      readParams(params, {})
      return hands.config()
    },
    'config.reload': async (params) => {
      readParams(params, {})
      return await hands.reload()
    },
  }
}

/** The same for one client of the socket. */
export function boundMailboxMethods(
  hands: MailboxHands,
): (client: { readonly stop: () => void }) => BoundMethods {
  return ({ stop }) =>
    Object.fromEntries(
      Object.entries(mailboxMethods(hands, stop)).map(([name, method]) => [
        name,
        (params: unknown) => method(params).catch(refused),
      ]),
    )
}

/** A mailbox that refuses its operator has no room, or the member has just left. */
export function refused(cause: unknown): never {
  const reason = cause instanceof Error && 'reason' in cause ? cause.reason : undefined
  if (reason === 'quota') {
    throw new SottoError('QUOTA_EXCEEDED', 'there is no room for more of them', {
      cause,
      hint: 'revoke invitations that are not needed: sotto mailbox invite list',
    })
  }
  if (reason === 'unavailable') throw noMember(cause)
  throw cause
}

async function find(operator: Operator, id: string): Promise<Member> {
  const member = await operator.member(id)
  if (member === undefined) throw noMember()
  return member
}

function noMember(cause?: unknown): SottoError {
  return new SottoError('MEMBER_NOT_FOUND', 'there is no member with this id, or more than one', {
    cause,
    hint: 'see: sotto mailbox member list',
  })
}

function ownQuota({ bytes, messages }: QuotaView, everybody: Quota): Quota {
  return { bytes, messages: messages ?? everybody.messages }
}

const label64: Check<string> = (value, field) => {
  const label = text(MAX_LABEL_BYTES)(value, field)
  if (new TextEncoder().encode(label).length <= MAX_LABEL_BYTES) return label
  throw new SottoError('TOO_LARGE', `${field} is longer than ${MAX_LABEL_BYTES} bytes`)
}
