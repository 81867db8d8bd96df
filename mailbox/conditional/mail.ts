// Taking mail, reading it and letting go of it, by changes of one box at a time.

import { concat, toHex, u64, u8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { accountKey } from '../../protocol/account.ts'
import { StoreError } from '../../net/store-error.ts'
import { addFlow } from '../flow.ts'
import { hasRoom, isInBudget, slotOf, STRANGER } from '../lanes.ts'
import { Refusal } from '../refusal.ts'
import { bytesOf } from './box.ts'
import { totalOf } from './budget.ts'
import { names } from './names.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Custody } from '../../protocol/receipt.ts'
import type {
  NewMail,
  Promised,
  QueuedItem,
  QueuedRun,
  Quota,
  Room,
  StoreLimits,
} from '../store.ts'
import type { Box, MailRef } from './box.ts'
import type { Boxes, Change } from './boxes.ts'
import type { Budget, Usage } from './budget.ts'

const VERSION = 1
const DIGEST_BYTES = 32
const MAX_TRIES = 1000

/** The id of nobody's box: a look for what a stranger asks costs the same, and finds nothing. */
const NOBODY = '0'.repeat(32)

export interface MailInit {
  readonly boxes: Boxes
  readonly budget: Budget
  readonly limits: StoreLimits
  readonly onStored: (owner: AccountKey) => void
}

/** What one deposit has written that no box refers to yet. */
interface Written {
  readonly box: string
  readonly blob: string
}

export class Mail {
  readonly #init: MailInit

  constructor(init: MailInit) {
    this.#init = init
  }

  async deposit(mail: NewMail): Promise<Custody> {
    let written: Written | undefined
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await this.#init.boxes.get(mail.owner)
      const box = held?.box?.joining === false ? held.box : undefined
      const depositId = toHex(mail.depositId)
      const known = await this.#known(box, depositId)
      const usage = await this.#init.budget.read()
      const refusal = this.#refusal(box, mail, { known, usage })
      if (held === undefined || box === undefined || refusal !== undefined || known !== undefined) {
        if (written !== undefined) await this.#discard(written)
        if (refusal !== undefined) throw new Refusal(refusal)
        if (known !== undefined) return { ...known, owner: accountKey(mail.owner) }
        throw new Refusal('unavailable')
      }
      if (written?.box !== box.id) written = await this.#write(box, mail)
      const filled = bytesOf(box) + mail.envelope.length
      if (!(await this.#init.budget.raise(usage, box.id, filled))) continue
      const id = box.lastItem + 1
      const slot = slotOf(box.tokens, mail.tokenHash)
      const { takenAt } = mail
      const bytes = mail.envelope.length
      const ref = { id, blob: written.blob, depositId, bytes, takenAt, slot }
      const flow = addFlow(box.flow, { accepted: 1 })
      const next: Box = { ...box, lastItem: id, flow, mail: [...box.mail, ref] }
      if (await this.#init.boxes.put(mail.owner, next, held.revision)) return this.#stored(mail)
    }
    throw new StoreError('ERR_IO')
  }

  async read(owner: AccountKey, after: number, room: Room): Promise<QueuedRun> {
    const { boxes } = this.#init
    const box = await boxes.find(owner)
    if (box === undefined) throw new Refusal('unavailable')
    const items: QueuedItem[] = []
    let bytes = 0
    for (const ref of box.mail) {
      if (ref.id <= after) continue
      const full = items.length > 0 && bytes + ref.bytes > room.bytes
      if (items.length >= room.items || full) return { items, more: true }
      const found = await this.#envelope(owner, box, ref)
      if (found === undefined) continue
      bytes += ref.bytes
      items.push({ id: ref.id, envelope: found, slot: ref.slot })
    }
    return { items, more: false }
  }

  async acknowledge(owner: AccountKey, ids: readonly number[]): Promise<readonly number[]> {
    const named = new Set(ids)
    return await this.#lettingGo<readonly number[]>(owner, async (box) => {
      const gone = box.mail.filter(({ id }) => named.has(id))
      let [remembered, lost] = [0, 0]
      for (const ref of gone) {
        const kept = await this.#remember(box, ref, box.mail.length + box.remembered)
        if (kept === 'remembered') remembered++
        if (kept === 'lost') lost++
      }
      if (gone.length === 0) return { result: [] }
      const flow = addFlow(box.flow, { acknowledged: gone.length - lost, removed: lost })
      const mail = box.mail.filter(({ id }) => !named.has(id))
      const garbage = gone.map(({ blob }) => names.blob(box.id, blob))
      remembered += box.remembered
      const result = gone.map(({ takenAt }) => takenAt)
      return { next: { ...box, flow, mail, remembered, garbage }, result }
    })
  }

  /** What waits goes, and with it that it was ever here. */
  async empty(owner: AccountKey): Promise<void> {
    await this.#lettingGo<undefined>(owner, async (box) => {
      if (box.mail.length === 0) return { result: undefined }
      const flow = addFlow(box.flow, { removed: box.mail.length })
      const garbage = box.mail.flatMap(({ blob, depositId }) => [
        names.blob(box.id, blob),
        names.receipt(box.id, depositId),
      ])
      return { next: { ...box, flow, mail: [], garbage }, result: undefined }
    })
  }

  /** A change that makes the box smaller, and so gives back room for others. */
  async #lettingGo<T>(owner: Uint8Array, step: (box: Box) => Promise<Change<T>>): Promise<T> {
    const { boxes, budget } = this.#init
    const usage = await budget.read()
    let left: Box | undefined
    const result = await boxes.change(owner, async (box) => {
      const change = await step(box)
      left = change.next
      return change
    })
    if (left !== undefined) await budget.lower(usage, left)
    return result
  }

  /** The promise for this deposit has ended. */
  async expire(owner: Uint8Array, blob: string, depositId: string): Promise<void> {
    const { boxes } = this.#init
    await this.#lettingGo<undefined>(owner, async (box) => {
      const receipt = names.receipt(box.id, depositId)
      if (!box.mail.some((ref) => ref.blob === blob)) return await this.#forget(box, receipt)
      const sound = (await boxes.readBlob(box.id, blob)) !== undefined
      const mail = box.mail.filter((ref) => ref.blob !== blob)
      const garbage = [names.blob(box.id, blob), receipt]
      const flow = addFlow(box.flow, sound ? { expired: 1 } : { removed: 1 })
      return { next: { ...box, flow, mail, garbage }, result: undefined }
    })
  }

  async #forget(box: Box, receipt: string): Promise<Change<undefined>> {
    if ((await this.#init.boxes.entries.get(receipt)) === undefined) return { result: undefined }
    const remembered = Math.max(0, box.remembered - 1)
    return { next: { ...box, remembered, garbage: [receipt] }, result: undefined }
  }

  /** One look at a receipt for everybody. */
  async #known(box: Box | undefined, depositId: string): Promise<Promised | undefined> {
    const { boxes } = this.#init
    const receipt = names.receipt(box?.id ?? NOBODY, depositId)
    const held = await boxes.entries.get(receipt)
    const waiting = box?.mail.find((ref) => ref.depositId === depositId)
    if (box === undefined) return undefined
    if (waiting !== undefined) {
      const value = await boxes.readBlob(box.id, waiting.blob)
      return value === undefined ? undefined : decodeMail(value).promised
    }
    if (held?.value === undefined || box.garbage.includes(receipt)) return undefined
    return decodeMail(held.value).promised
  }

  #refusal(
    box: Box | undefined,
    mail: NewMail,
    { known, usage }: { readonly known: Promised | undefined; readonly usage: Usage },
  ): 'unavailable' | 'quota' | undefined {
    if (box === undefined) return 'unavailable'
    if (known !== undefined) return undefined
    if (box.policy.status === 'suspended') return 'unavailable'
    const { limits } = this.#init
    const { ownerBytes, ownerMessages } = limits
    const quota = box.policy.quota ?? { bytes: ownerBytes, messages: ownerMessages }
    const envelope = { bytes: mail.envelope.length, slot: slotOf(box.tokens, mail.tokenHash) }
    const filling = { all: filled(box.mail), strangers: filled(strange(box.mail)) }
    const hasTokens = box.tokens.length > 0
    if (!hasRoom(filling, envelope, { quota, limits, hasTokens })) return 'quota'
    const others = totalOf(usage) - (usage.boxes.get(box.id) ?? 0)
    return isInBudget(others + filling.all.bytes + envelope.bytes, limits) ? undefined : 'quota'
  }

  async #write(box: Box, mail: NewMail): Promise<Written> {
    const { boxes } = this.#init
    const depositId = toHex(mail.depositId)
    const due = { kind: 'mail', account: toHex(mail.owner), box: box.id, depositId } as const
    const blob = await boxes.writeBlob(due, mail.expiresAt, encodeMail(mail, mail.envelope))
    return { box: box.id, blob }
  }

  async #discard({ box, blob }: Written): Promise<void> {
    await this.#init.boxes.entries.clear(names.blob(box, blob))
  }

  #stored(mail: NewMail): Custody {
    const { envelopeDigest, keptUntil } = mail
    const owner = accountKey(mail.owner)
    this.#init.onStored(owner)
    return { envelopeDigest, owner, keptUntil }
  }

  async #envelope(owner: AccountKey, box: Box, ref: MailRef): Promise<Uint8Array | undefined> {
    const { boxes } = this.#init
    const name = names.blob(box.id, ref.blob)
    const held = await boxes.entries.get(name)
    if (held?.value !== undefined) return decodeMail(held.value).envelope
    if (held !== undefined) return undefined
    // It may have been acknowledged just now, elsewhere.
    const now = await boxes.find(owner)
    if (now?.mail.some(({ blob }) => blob === ref.blob) === true) boxes.entries.note(name)
    return undefined
  }

  /** Keeps the promise of an envelope that goes, so that its deposit id stays known; unless too many are. */
  async #remember(
    box: Box,
    ref: MailRef,
    known: number,
  ): Promise<'remembered' | 'forgotten' | 'lost'> {
    const { boxes, limits } = this.#init
    const value = await boxes.readBlob(box.id, ref.blob)
    if (value === undefined) return 'lost'
    if (known > limits.ownerReceipts) return 'forgotten'
    const { promised } = decodeMail(value)
    // If it is there already, an acknowledgement before this one got so far.
    await boxes.entries.put(names.receipt(box.id, ref.depositId), encodeMail(promised), 0)
    return 'remembered'
  }
}

function strange(mail: readonly MailRef[]): readonly MailRef[] {
  return mail.filter(({ slot }) => slot === STRANGER)
}

function filled(mail: readonly MailRef[]): Quota {
  return { bytes: bytesOf({ mail }), messages: mail.length }
}

/** `u8 1 ‖ digest[32] ‖ u64 kept until ‖ envelope`; of a receipt without the envelope */
function encodeMail({ envelopeDigest, keptUntil }: Promised, envelope?: Uint8Array): Uint8Array {
  return concat(u8(VERSION), envelopeDigest, u64(keptUntil), envelope ?? new Uint8Array(0))
}

function decodeMail(value: Uint8Array): {
  readonly promised: Promised
  readonly envelope: Uint8Array
} {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const envelopeDigest = from.take(DIGEST_BYTES).slice()
  const promised = { envelopeDigest, keptUntil: from.u64() }
  return { promised, envelope: from.rest() }
}
