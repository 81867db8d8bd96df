// What the methods of a mailbox's local socket take and give.

import type { Json, JsonObject } from './json.ts'

/** Version of this API; a client with another major number must not talk to it. */
export const MAILBOX_API_VERSION = '1.0'

export interface MailboxMethodTypes {
  'meta.hello': Method<NoParams, MailboxHelloView>
  'mailbox.status': Method<NoParams, MailboxStatusView>
  'mailbox.drain': Method<
    { readonly to?: string; readonly off?: boolean },
    { readonly draining: boolean; readonly waiting: number }
  >
  'mailbox.stop': Method<NoParams, { readonly stopping: true }>
  'invite.new': Method<InviteParams, NewInvitationView>
  'invite.list': Method<NoParams, { readonly invitations: readonly InvitationView[] }>
  'invite.revoke': Method<{ readonly id: number }, { readonly revoked: number }>
  'member.list': Method<NoParams, { readonly members: readonly MemberView[] }>
  'member.quota': Method<MemberParams & { readonly quota: QuotaView | null }, MemberView>
  'member.suspend': Method<MemberParams, MemberView>
  'member.resume': Method<MemberParams, MemberView>
  'member.remove': Method<MemberParams, MemberView>
  'member.wipe': Method<MemberParams, MemberView>
  'config.show': Method<NoParams, ConfigView>
  'config.reload': Method<NoParams, ReloadView>
}

export type MailboxMethodName = keyof MailboxMethodTypes

interface Method<Params, Result> {
  readonly params: Params
  readonly result: Result
}
type NoParams = Readonly<Record<string, never>>

/** `null` stands for no limit of its own. */
interface InviteParams {
  readonly label?: string
  readonly uses: number | null
  /** Ms. */
  readonly expiresIn: number | null
  readonly quota?: QuotaView
}

interface MemberParams {
  /** Or how it begins. */
  readonly id: string
}

export interface QuotaView {
  readonly bytes: number
  /** Undefined: as everybody has it. */
  readonly messages?: number
}

export interface MailboxHelloView {
  readonly version: string
  readonly api: string
  readonly pid: number
  readonly kind: 'mailbox'
}

export interface MailboxStatusView {
  readonly peer: string
  /** Whether it serves. Of a folder alone, only what is stored can be told. */
  readonly up: boolean
  readonly pid: number | null
  readonly startedAt: string | null
  readonly addresses: readonly string[]
  readonly channels: number
  readonly members: number
  readonly maxMembers: number
  readonly waiting: number
  /** It takes nothing and nobody new; with nothing waiting any more it can stop. */
  readonly draining: boolean
  readonly waitingBytes: number
  readonly budgetBytes: number
  readonly oneTimePairs: number
  readonly accepted: number
  readonly removed: number
  readonly expired: number
  readonly damaged: number
  /** What somebody should look into, one line each; the mailbox is well when there is nothing. */
  readonly problems: readonly string[]
}

export interface InvitationView {
  readonly id: number
  readonly label: string
  readonly uses: number | null
  readonly used: number
  readonly expiresAt: string | null
  readonly quota: Required<QuotaView> | null
  /** Nobody can join by it any more. */
  readonly spent: boolean
}

export interface NewInvitationView {
  readonly invitation: InvitationView
  readonly link: string
}

export interface MemberView {
  readonly id: string
  readonly label: string
  readonly status: 'active' | 'suspended'
  readonly messages: number
  readonly bytes: number
  readonly maxMessages: number
  readonly maxBytes: number
  /** Whether the quota is one of its own. */
  readonly ownQuota: boolean
  readonly oneTimePairs: number
}

/** By path, such as `policy.join`. */
export interface ConfigView {
  readonly file: string
  readonly values: Readonly<Record<string, ConfigValueView>>
}

export interface ConfigValueView {
  /** As it would stand in the file. */
  readonly value: Json
  readonly origin: 'flag' | 'environment' | 'file' | 'default'
}

export interface ReloadView extends JsonObject {
  /** Paths with a new value that counts from now on. */
  readonly changed: readonly string[]
  /** Paths with a new value that counts from the next start on. */
  readonly needRestart: readonly string[]
}
