// Taking mail: a deposit is answered with the signed promise to keep it, and the answer waits for the disk.

import { envelopeDigest, tokenHash } from '../protocol/custody.ts'
import { PROTOCOL_VERSION } from '../protocol/labels.ts'
import { Receipts } from './receipts.ts'
import { Refusal } from './refusal.ts'
import type { Account } from '../protocol/account.ts'
import type { Clock } from '../net/ports.ts'
import type { Custody } from '../protocol/receipt.ts'
import type { MailboxLimits } from './limits.ts'
import type { MailboxStore, NewMail } from './store.ts'
import type { TimeBase } from './time-base.ts'

/** Second byte of an envelope. */
const SESSION_KIND = 1
const FIRST_KIND = 2

export interface DepositsInit {
  readonly account: Account
  readonly store: MailboxStore
  readonly clock: Clock
  readonly time: TimeBase
  readonly limits: MailboxLimits
}

export interface DepositRequest {
  readonly owner: Uint8Array
  /** 16 bytes. */
  readonly depositId: Uint8Array
  readonly envelope: Uint8Array
  /** 32 bytes; empty from a stranger. */
  readonly token: Uint8Array
}

/** Everybody may deposit for a member. */
export class Deposits {
  readonly #init: DepositsInit
  readonly #receipts: Receipts

  constructor(init: DepositsInit) {
    this.#init = init
    this.#receipts = new Receipts(init.account)
  }

  /**
   * The signed custody receipt; the envelope is on the disk by then. The same owner and id get a receipt of the same promise, also
   * after the envelope was fetched. Throws `Refusal`: badRequest when the bytes are no envelope, unavailable when the owner is unknown,
   * quota when the owner's box is full (who is not that owner must be told unavailable).
   */
  async accept(request: DepositRequest): Promise<Uint8Array> {
    const { store, clock, time, limits } = this.#init
    const lifetime = lifetimeOf(request.envelope, limits)
    const { owner, depositId, envelope, token } = request
    const now = time.now()
    const mail: NewMail = {
      ...{ owner, depositId, envelope },
      tokenHash: token.length === 0 ? undefined : tokenHash(token),
      envelopeDigest: envelopeDigest(request.envelope),
      keptUntil: clock.now() + lifetime,
      takenAt: now,
      expiresAt: now + lifetime,
    }
    // Signed while the disk writes. Of what is not stored in the end nobody gets the receipt.
    let early: { readonly custody: Custody; readonly receipt: Promise<Uint8Array> } | undefined
    const custody = await store.deposit(mail, (promise) => {
      early = { custody: promise, receipt: this.#receipts.sign(promise) }
      early.receipt.catch(() => undefined) // told below, if anybody waits for it
    })
    return await (early?.custody === custody ? early.receipt : this.#receipts.sign(custody))
  }
}

function lifetimeOf(envelope: Uint8Array, limits: MailboxLimits): number {
  const [version, kind] = envelope
  if (version !== PROTOCOL_VERSION) throw new Refusal('badRequest')
  if (kind === FIRST_KIND) return limits.keepFirstMessagesMs
  if (kind === SESSION_KIND) return limits.keepMessagesMs
  throw new Refusal('badRequest')
}
