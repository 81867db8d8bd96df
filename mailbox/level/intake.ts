// Taking mail: envelope, promise and counters in one commit.

import { ShortLived } from '../../net/short-lived.ts'
import { addFlow } from '../flow.ts'
import { hasRoom, isInBudget, slotOf, STRANGER } from '../lanes.ts'
import { Refusal } from '../refusal.ts'
import { DepositIds } from './deposit-ids.ts'
import { keys } from './keys.ts'
import { Damaged } from './sound-records.ts'
import { decodeReceipt, encodeExpiry, encodeItem, encodeReceipt } from './stored.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Custody } from '../../protocol/receipt.ts'
import type { Operation, Records } from '../../net/records.ts'
import type { NewMail, StoreLimits, Writing } from '../store.ts'
import type { LevelMember, Members } from './members.ts'
import type { SoundRecords } from './sound-records.ts'

export interface IntakeInit {
  readonly records: Records
  readonly sound: SoundRecords
  readonly members: Members
  readonly limits: StoreLimits
  /** Told after the commit. */
  readonly onStored: (owner: AccountKey) => void
}

type Box = Pick<
  LevelMember,
  'policy' | 'tokens' | 'bytes' | 'messages' | 'strangerBytes' | 'strangerMessages'
>

interface Intent {
  /** Of the owner; 0 is nobody. */
  readonly number: number
  readonly receiptKey: string
  readonly writing: Writing | undefined
}

const NO_BOX: Box = {
  policy: { label: '', status: 'suspended', quota: undefined },
  tokens: [],
  ...{ bytes: 0, messages: 0, strangerBytes: 0, strangerMessages: 0 },
}

export class Intake {
  readonly #init: IntakeInit
  /** Deposits on their way, by the key of their receipt: a repetition waits for the same promise. */
  readonly #pending = new ShortLived<string, Promise<Custody>>()
  /** Of all owners together. */
  readonly #ids = new DepositIds()

  constructor(init: IntakeInit) {
    this.#init = init
  }

  /** Reads which deposit ids are known, where that was not done or there are many more by now. Throws `StoreError`. */
  async learnIds(): Promise<void> {
    if (!this.#ids.isFull) return
    const { members, records } = this.#init
    const about = [...members.all()].reduce((sum, { receipts }) => sum + receipts, 0)
    await this.#ids.load(records.names(keys.allReceipts), about)
  }

  async accept(mail: NewMail, writing?: Writing): Promise<Custody> {
    // An unknown owner costs the same looks into the store as a known one: none where the id is new.
    const number = this.#init.members.find(mail.owner)?.number ?? 0
    const receiptKey = keys.receipt(number, mail.depositId)
    const earlier = this.#pending.get(receiptKey)
    if (earlier !== undefined) return await earlier
    const pending = this.#store(mail, { number, receiptKey, writing })
    this.#pending.set(receiptKey, pending)
    try {
      return await pending
    } finally {
      void this.#pending.take(receiptKey)
    }
  }

  async #store(mail: NewMail, { number, receiptKey, writing }: Intent): Promise<Custody> {
    const { members, records, sound, onStored } = this.#init
    const isNew = !this.#ids.mayKnow(mail.depositId)
    const known = isNew ? undefined : await sound.get(receiptKey, decodeReceipt)
    const member = members.get(number)
    if (member !== undefined && known !== undefined && !(known instanceof Damaged))
      return { ...known, owner: member.account }
    // Looked for whoever it is for: nobody is refused sooner because there is no box to look into.
    const box = member ?? NO_BOX
    const slot = slotOf(box.tokens, mail.tokenHash)
    const fits = this.#fits(box, mail.envelope.length, slot)
    const isOpen = member !== undefined && member.policy.status !== 'suspended'
    if (!isOpen || !fits) throw new Refusal(isOpen ? 'quota' : 'unavailable')
    this.#ids.note(mail.depositId)
    const { envelopeDigest, keptUntil } = mail
    const custody: Custody = { envelopeDigest, owner: member.account, keptUntil }
    const committed = records.commit(this.#operations(member, mail, { slot, receiptKey }))
    writing?.(custody)
    await committed
    onStored(member.account)
    return custody
  }

  /** Accepted mail is never dropped for new mail. */
  #fits(member: Box, bytes: number, slot: number): boolean {
    const { limits, members } = this.#init
    const { ownerBytes, ownerMessages } = limits
    const quota = member.policy.quota ?? { bytes: ownerBytes, messages: ownerMessages }
    const { messages, strangerBytes, strangerMessages } = member
    const filling = {
      all: { bytes: member.bytes, messages },
      strangers: { bytes: strangerBytes, messages: strangerMessages },
    }
    const hasTokens = member.tokens.length > 0
    const hasBudget = isInBudget(members.bytes + bytes, limits)
    return hasRoom(filling, { bytes, slot }, { quota, limits, hasTokens }) && hasBudget
  }

  #operations(
    member: LevelMember,
    mail: NewMail,
    { slot, receiptKey }: { readonly slot: number; readonly receiptKey: string },
  ): readonly Operation[] {
    const { members } = this.#init
    const { depositId, takenAt, expiresAt, envelope } = mail
    const item = member.lastItem + 1
    const expiry = encodeExpiry({ kind: 'mail', member: member.number, item, depositId })
    return [
      put(
        keys.item(member.number, item),
        encodeItem({ depositId, takenAt, expiresAt, slot, envelope }),
      ),
      put(receiptKey, encodeReceipt(mail)),
      put(keys.mailExpiry(expiresAt, member.number, item), expiry),
      members.change(member, {
        bytes: member.bytes + envelope.length,
        messages: member.messages + 1,
        strangerBytes: member.strangerBytes + (slot === STRANGER ? envelope.length : 0),
        strangerMessages: member.strangerMessages + (slot === STRANGER ? 1 : 0),
        receipts: member.receipts + 1,
        lastItem: item,
        flow: addFlow(member.flow, { accepted: 1 }),
        items: member.items + 1,
      }),
    ]
  }
}

function put(key: string, value: Uint8Array): Operation {
  return { type: 'put', key, value }
}
