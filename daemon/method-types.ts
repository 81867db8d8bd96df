// What every method of the local API takes and gives. Client and commands are typed by it.

import type {
  ClockState,
  ContactShort,
  DeliveryState,
  EventType,
  Identity,
  MailboxTest,
} from '../node/api.ts'
import type { ContactView, EntryView, MailboxView, MessageView, StatusView } from './views.ts'

/** Version of the local API; a client with another major number must not talk to it. */
export const API_VERSION = '1.0'

/** The wait states of `message.send`. */
export type WaitState = Exclude<DeliveryState, 'failed'>

/** Parameters and result of every method; the client and the commands are typed by it. */
export interface MethodTypes {
  'meta.hello': Method<NoParams, HelloView>
  'id.get': Method<NoParams, Identity>
  'id.card': Method<{ readonly format?: 'link' }, { readonly link: string }>
  'contact.add': Method<{ readonly link: string; readonly name?: string }, ContactView>
  'contact.list': Method<NoParams, { readonly contacts: readonly ContactView[] }>
  'contact.get': Method<ContactParams, ContactView>
  'contact.safetyNumber': Method<ContactParams, SafetyNumberView>
  'contact.confirm': Method<ConfirmParams, ContactView>
  'contact.block': Method<ContactParams, ContactView>
  'contact.unblock': Method<ContactParams, ContactView>
  'message.send': Method<SendParams, SentView>
  'message.get': Method<{ readonly id: string }, MessageView>
  'message.list': Method<
    ContactParams & {
      readonly limit?: number
      /** Id of a message: only what stands before it. */
      readonly before?: string
    },
    PageView
  >
  'message.markRead': Method<{ readonly ids: readonly string[] }, { readonly marked: number }>
  'mailbox.use': Method<{ readonly link: string }, MailboxView>
  'mailbox.move': Method<{ readonly link: string; readonly from?: string }, MailboxView>
  'mailbox.leave': Method<
    { readonly mailbox: string; readonly now?: boolean },
    { readonly leaving: true }
  >
  'mailbox.test': Method<NoParams, { readonly mailboxes: readonly MailboxTest[] }>
  'mailbox.list': Method<NoParams, { readonly mailboxes: readonly MailboxView[] }>
  'node.status': Method<NoParams, StatusView>
  'node.clock': Method<{ readonly confirm?: boolean }, { readonly clock: ClockState }>
  'node.rotate': Method<NoParams, StatusView['bundle']>
  'node.stop': Method<NoParams, { readonly stopping: true }>
  'event.subscribe': Method<SubscribeParams, { readonly subscription: number }>
  'event.ack': Method<AckParams, { readonly acknowledged: number }>
}

export type MethodName = keyof MethodTypes
export type ParamsOf<M extends MethodName> = MethodTypes[M]['params']
export type ResultOf<M extends MethodName> = MethodTypes[M]['result']

interface Method<Params, Result> {
  readonly params: Params
  readonly result: Result
}
type NoParams = Readonly<Record<string, never>>
interface ContactParams {
  readonly contact: string
}
interface ConfirmParams extends ContactParams {
  readonly method: 'number'
  readonly value: string
}
interface SendParams {
  readonly to: string
  readonly text: string
  /** Answer when this state is reached. @default 'queued' */
  readonly wait?: WaitState
  /** Ms to wait for it at most; then the error WAIT_TIMEOUT carries the message. */
  readonly timeout?: number
}
interface SubscribeParams {
  readonly types?: readonly EventType[]
  readonly consumer?: string
  readonly from?: number | 'now' | 'start'
}
interface AckParams {
  readonly consumer?: string
  readonly subscription?: number
  readonly seq: number
}

/** What a client learns first. */
export interface HelloView {
  readonly version: string
  readonly api: string
  readonly pid: number
  readonly methods: readonly string[]
}

/** The number two people compare: 60 digits. */
export interface SafetyNumberView {
  readonly contact: ContactShort
  readonly number: string
}

/** A part of a conversation, oldest first. */
export interface PageView {
  readonly messages: readonly EntryView[]
  /** There is more before the first. */
  readonly more: boolean
}

/** A message on its way, with the contact it goes to. */
export type SentView = MessageView & { readonly to: ContactShort & { readonly path: string } }
