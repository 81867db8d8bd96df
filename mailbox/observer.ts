// What happens in a mailbox, told as it happens, for those who count it or write it down. What must not be lost is in the store.

import { Refusal } from './refusal.ts'

/** What became of one attempt to leave mail. `policy`: not for this owner, or no envelope. */
export type DepositResult = 'accepted' | 'quota' | 'policy' | 'rate' | 'error'

/** What is throttled. */
export type Bucket = 'deposits' | 'prekeys' | 'all_prekeys' | 'invitations'

/** Accounts are those of owners. Senders are never told of. */
export type MailboxEvent =
  | {
      readonly kind: 'deposit'
      readonly owner: Uint8Array
      readonly result: DepositResult
      readonly bytes: number
      /** From the request to its answer. */
      readonly ms: number
    }
  /** A frame with something that is too long, which only an envelope is apt to be. */
  | { readonly kind: 'oversized' }
  | {
      /** Envelopes were handed to their owner. */
      readonly kind: 'fetch'
      readonly owner: Uint8Array
      readonly envelopes: number
      readonly bytes: number
    }
  | {
      readonly kind: 'acknowledge'
      readonly owner: Uint8Array
      /** Of each envelope, how long it was kept. */
      readonly keptMs: readonly number[]
    }
  | { readonly kind: 'join'; readonly account: Uint8Array; readonly joined: boolean }
  | { readonly kind: 'limit'; readonly bucket: Bucket }
  | { readonly kind: 'expire'; readonly envelopes: number }
  /** The log of the database was written through to the disk. */
  | { readonly kind: 'sync'; readonly ms: number }
  /** One call of the store, durable if it writes. */
  | { readonly kind: 'store'; readonly call: string; readonly ms: number }
  /** A write failed. */
  | { readonly kind: 'store-failure' }

export interface MailboxObserver {
  /** For durations, in ms with fractions. Says nothing about the date. */
  now(): number
  /** Returns at once, and never throws. */
  observe(event: MailboxEvent): void
}

export const NO_OBSERVER: MailboxObserver = { now: () => 0, observe: () => undefined }

/** Tells what becomes of a deposit. */
export async function observeDeposit<T>(
  observer: MailboxObserver,
  { owner, envelope }: { readonly owner: Uint8Array; readonly envelope: Uint8Array },
  accept: () => Promise<T>,
): Promise<T> {
  const began = observer.now()
  const tell = (result: DepositResult): void => {
    const ms = observer.now() - began
    observer.observe({ kind: 'deposit', owner, result, bytes: envelope.length, ms })
  }
  try {
    const answer = await accept()
    tell('accepted')
    return answer
  } catch (cause) {
    tell(resultOf(cause))
    throw cause
  }
}

function resultOf(cause: unknown): DepositResult {
  if (!(cause instanceof Refusal)) return 'error'
  // What a stranger is told is not what has happened.
  const inner = cause.cause instanceof Refusal ? cause.cause : cause
  if (inner.reason === 'quota') return 'quota'
  return inner.reason === 'tryLater' ? 'rate' : 'policy'
}
