// Taking mail: a deposit is answered with the signed promise to keep it, and the answer waits for the disk.

import { envelopeDigest, signCustody } from '../protocol/custody.ts'
import { PROTOCOL_VERSION } from '../protocol/labels.ts'
import { toHex } from '../protocol/bytes.ts'
import { keys } from './keys.ts'
import { FIRST_MESSAGE_TTL_MS, SESSION_MAIL_TTL_MS } from './limits.ts'
import { Refusal } from './refusal.ts'
import { Damaged } from './sound-records.ts'
import { decodeReceipt, encodeExpiry, encodeItem, encodeReceipt } from './stored.ts'
import type { Account } from '../protocol/account.ts'
import type { Custody } from '../protocol/custody.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import type { MailboxLimits } from './limits.ts'
import type { Member, Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'
import type { TimeBase } from './time-base.ts'

/** Second byte of an envelope. */
const SESSION_KIND = 1
const FIRST_KIND = 2

export interface DepositsInit {
  readonly account: Account
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly clock: Clock
  readonly time: TimeBase
  readonly limits: MailboxLimits
  /** Told after the commit. */
  readonly onStored: (member: number) => void
}

export interface DepositRequest {
  readonly owner: Uint8Array
  /** 16 bytes. */
  readonly depositId: Uint8Array
  readonly envelope: Uint8Array
}

/** Everybody may deposit for a member. */
export class Deposits {
  readonly #init: DepositsInit
  /** Deposits on their way, by owner and id: a repetition waits for the same receipt. */
  readonly #pending = new Map<string, Promise<Custody>>()
  #accepted = 0

  constructor(init: DepositsInit) {
    this.#init = init
  }

  /** Envelopes taken since the start; repetitions do not count. */
  get accepted(): number {
    return this.#accepted
  }

  /**
   * The signed custody receipt; the envelope is on the disk by then. The same owner and id get the same receipt, also after the
   * envelope was fetched. Throws `Refusal`: badRequest when the bytes are no envelope, unavailable when the owner is unknown,
   * quota when the owner's box is full (who is not that owner must be told unavailable).
   */
  async accept(request: DepositRequest): Promise<Uint8Array> {
    const lifetime = lifetimeOf(request.envelope)
    const name = `${toHex(request.owner)} ${toHex(request.depositId)}`
    const pending = this.#pending.get(name) ?? this.#store(request, lifetime)
    this.#pending.set(name, pending)
    try {
      return signCustody(this.#init.account, await pending)
    } finally {
      if (this.#pending.get(name) === pending) this.#pending.delete(name)
    }
  }

  async #store(request: DepositRequest, lifetime: number): Promise<Custody> {
    const { members, records, sound, onStored } = this.#init
    // An unknown owner costs the same look into the store as a known one.
    const number = members.find(request.owner)?.number ?? 0
    const known = await sound.get(keys.receipt(number, request.depositId), decodeReceipt)
    const member = members.find(request.owner)
    if (member === undefined) throw new Refusal('unavailable')
    const owner = member.account
    if (known !== undefined && !(known instanceof Damaged)) return { ...known, owner }
    this.#checkQuota(member, request.envelope.length)
    const keptUntil = this.#init.clock.now() + lifetime
    const custody = { envelopeDigest: envelopeDigest(request.envelope), owner, keptUntil }
    await records.commit(this.#operations(member, request, custody, lifetime))
    this.#accepted++
    onStored(member.number)
    return custody
  }

  /** Accepted mail is never dropped for new mail. */
  #checkQuota(member: Member, bytes: number): void {
    const { ownerBytes, ownerMessages } = this.#init.limits
    const fits = member.messages < ownerMessages && member.bytes + bytes <= ownerBytes
    if (!fits) throw new Refusal('quota')
  }

  #operations(
    member: Member,
    { depositId, envelope }: DepositRequest,
    custody: Custody,
    lifetime: number,
  ): readonly Operation[] {
    const { members, time } = this.#init
    const item = member.lastItem + 1
    const expiresAt = time.now() + lifetime
    const expiry = encodeExpiry({ kind: 'mail', member: member.number, item, depositId })
    return [
      put(keys.item(member.number, item), encodeItem({ depositId, expiresAt, envelope })),
      put(keys.receipt(member.number, depositId), encodeReceipt(custody)),
      put(keys.mailExpiry(expiresAt, member.number, item), expiry),
      members.change(member, {
        bytes: member.bytes + envelope.length,
        messages: member.messages + 1,
        receipts: member.receipts + 1,
        lastItem: item,
      }),
    ]
  }
}

function lifetimeOf(envelope: Uint8Array): number {
  const [version, kind] = envelope
  if (version !== PROTOCOL_VERSION) throw new Refusal('badRequest')
  if (kind === FIRST_KIND) return FIRST_MESSAGE_TTL_MS
  if (kind === SESSION_KIND) return SESSION_MAIL_TTL_MS
  throw new Refusal('badRequest')
}

function put(key: string, value: Uint8Array): Operation {
  return { type: 'put', key, value }
}
