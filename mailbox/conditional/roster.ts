// How many members there are, who may join by which invitation, and the one joining or leaving that is on its way. Whoever finds one
// on its way finishes it first.
//
//   join:   box "joining" ──▶ roster counts it and its invitation, and names both ──▶ box active ──▶ roster names nobody
//   leave:  roster counts it out, and names it ──▶ box inactive ──▶ roster adds its flow ──▶ box deleted, with everything of it
//           ──▶ roster names nobody

import { concat, fromHex, toHex, u32, u8 } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { reader } from '../../protocol/reader.ts'
import { StoreError } from '../../net/store-error.ts'
import { addFlow, encodeFlow, flowFrom, NO_FLOW } from '../flow.ts'
import { encodeInvitations, mustAdmit, NO_INVITATIONS } from '../invitations.ts'
import { readInvitations, withInvitation, withoutInvitation, withUse } from '../invitations.ts'
import { Refusal } from '../refusal.ts'
import { accountsOf } from './accounts.ts'
import { newBox } from './box.ts'
import { names } from './names.ts'
import type { AccountKey } from '../../protocol/account.ts'
import type { Flow } from '../flow.ts'
import type { InvitationList } from '../invitations.ts'
import type { Admission, Invitation, NewInvitation, StoreLimits } from '../store.ts'
import type { Box } from './box.ts'
import type { Boxes } from './boxes.ts'
import type { Budget } from './budget.ts'

const VERSION = 1
const MAX_TRIES = 1000

/** Entries deleted between two looks at what is left. */
const RUN = 256

interface Pending {
  /** `left`: what the box has counted is in the roster. */
  readonly kind: 'join' | 'leave' | 'left'
  readonly account: Uint8Array
  /** Id of the membership. */
  readonly box: string
  /** By which it joins; 0: by none. */
  readonly invitation: number
}

interface Count {
  readonly members: number
  /** Of all who have left. */
  readonly flow: Flow
  readonly pending: Pending | undefined
  readonly list: InvitationList
}

export interface RosterInit {
  readonly boxes: Boxes
  readonly budget: Budget
  readonly limits: StoreLimits
}

export class Roster {
  readonly #init: RosterInit

  constructor(init: RosterInit) {
    this.#init = init
  }

  async join(account: AccountKey, by: Admission | undefined): Promise<void> {
    const { boxes, limits } = this.#init
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      // Before the box is read: if anybody joins or leaves after this, the roster cannot be written.
      const { count, revision } = await this.settle()
      const held = await boxes.get(account)
      if (held?.box?.joining === false) return
      const { id: invitation } = by === undefined ? { id: 0 } : mustAdmit(count.list, by)
      if (held !== undefined && held.box === undefined) {
        // A damaged member is counted already, and so is the invitation by which it came.
        const fresh = { ...newBox(boxes.newId()), joining: false }
        if (await boxes.put(account, fresh, held.revision)) return
        continue
      }
      if (count.members >= limits.members) throw new Refusal('quota')
      if (held?.box === undefined) {
        await boxes.put(account, newBox(boxes.newId()), 0)
        continue
      }
      const pending: Pending = { kind: 'join', account, box: held.box.id, invitation }
      const list = withUse(count.list, invitation)
      await this.#put({ ...count, members: count.members + 1, pending, list }, revision)
    }
    throw new StoreError('ERR_IO')
  }

  async invite(fresh: NewInvitation, now: number): Promise<Invitation> {
    return await this.#change((held) => {
      const { list, made } = withInvitation(held, fresh, now)
      return { list, result: made }
    })
  }

  /** False if there is none with this id. */
  async revoke(id: number): Promise<boolean> {
    return await this.#change((held) => {
      const list = withoutInvitation(held, id)
      return { list: list ?? held, result: list !== undefined }
    })
  }

  /** Nobody is on the way when invitations change: whoever joins by one finds it as long as it takes. */
  async #change<T>(
    step: (list: InvitationList) => { readonly list: InvitationList; readonly result: T },
  ): Promise<T> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { count, revision } = await this.settle()
      const { list, result } = step(count.list)
      if (list === count.list || (await this.#put({ ...count, list }, revision))) return result
    }
    throw new StoreError('ERR_IO')
  }

  /** False if there was no member. */
  async leave(account: AccountKey): Promise<boolean> {
    const { boxes } = this.#init
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { count, revision } = await this.settle()
      const box = await boxes.find(account)
      if (box === undefined) return false
      const pending: Pending = { kind: 'leave', account, box: box.id, invitation: 0 }
      const members = Math.max(0, count.members - 1)
      if (!(await this.#put({ ...count, members, pending }, revision))) continue
      await this.settle()
      return true
    }
    throw new StoreError('ERR_IO')
  }

  /** Finishes what is on its way. */
  async settle(): Promise<{ readonly count: Count; readonly revision: number }> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await this.#init.boxes.entries.get(names.roster)
      const count = held?.value === undefined ? await this.#recount() : decodeCount(held.value)
      const revision = held?.revision ?? 0
      if (count.pending === undefined) return { count, revision }
      await this.#put(await this.#finish(count, count.pending), revision)
    }
    throw new StoreError('ERR_IO')
  }

  /** What the roster says next; twice is the same. */
  async #finish(count: Count, pending: Pending): Promise<Count> {
    if (pending.kind === 'leave') {
      const flow = addFlow(count.flow, await this.#silence(pending))
      return { ...count, flow, pending: { ...pending, kind: 'left' } }
    }
    if (pending.kind === 'join') await this.#activate(pending, count.list)
    else await this.#wipe(pending)
    return { ...count, pending: undefined }
  }

  /** Nobody changes the box any more. What it has counted until then, with all that waits as removed. */
  async #silence({ account, box: id }: Pending): Promise<Flow> {
    const { boxes } = this.#init
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await boxes.get(account)
      if (held?.box?.id !== id) return NO_FLOW
      const { flow, mail } = held.box
      if (held.box.joining) return addFlow(flow, { removed: mail.length })
      await boxes.put(account, { ...held.box, joining: true }, held.revision)
    }
    throw new StoreError('ERR_IO')
  }

  async #activate({ account, box: id, invitation }: Pending, list: InvitationList): Promise<void> {
    const { boxes } = this.#init
    const by = list.invitations.find((one) => one.id === invitation)
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await boxes.get(account)
      if (held?.box?.id !== id || !held.box.joining) return
      if (await boxes.put(account, activated(held.box, by), held.revision)) return
    }
  }

  async #wipe({ account, box: id }: Pending): Promise<void> {
    const { boxes, budget } = this.#init
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const held = await boxes.get(account)
      if (held?.box?.id !== id) break
      if (await boxes.entries.delete(names.box(account), held.revision)) break
    }
    await budget.drop(id)
    for (const prefix of names.ofBox(id)) await this.#clearAll(prefix)
  }

  async #clearAll(prefix: string): Promise<void> {
    const { entries } = this.#init.boxes
    for (;;) {
      const found = await entries.list(prefix, '', RUN)
      for (const name of found) await entries.clear(name)
      if (found.length < RUN) return
    }
  }

  /** For the first start, or when it is damaged. */
  async #recount(): Promise<Count> {
    const { boxes } = this.#init
    let members = 0
    for await (const account of accountsOf(boxes)) {
      const held = await boxes.get(account)
      if (held !== undefined && held.box?.joining !== true) members++
    }
    return { members, flow: NO_FLOW, pending: undefined, list: NO_INVITATIONS }
  }

  async #put(count: Count, revision: number): Promise<boolean> {
    return await this.#init.boxes.entries.put(names.roster, encodeCount(count), revision)
  }
}

const KINDS = ['join', 'leave', 'left'] as const

function activated(box: Box, by: Invitation | undefined): Box {
  const { label, quota } = by ?? box.policy
  return { ...box, joining: false, policy: { ...box.policy, label, quota } }
}

/**
 * `u8 1 ‖ u32 members ‖ flow ‖ u8 kind ‖` with kind 1 (join), 2 (leave) or 3 (left) `account[32] ‖ id[16] ‖ u32 invitation ‖` then the
 * invitations
 */
function encodeCount({ members, flow, pending, list }: Count): Uint8Array {
  const head = [u8(VERSION), u32(members), encodeFlow(flow)]
  const tail = encodeInvitations(list)
  if (pending === undefined) return concat(...head, u8(0), tail)
  const kind = u8(KINDS.indexOf(pending.kind) + 1)
  const who = [pending.account, fromHex(pending.box), u32(pending.invitation)]
  return concat(...head, kind, ...who, tail)
}

function decodeCount(value: Uint8Array): Count {
  const from = reader(value)
  if (from.u8() !== VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  const members = from.u32()
  const flow = flowFrom(from)
  const kind = KINDS[from.u8() - 1]
  if (kind === undefined) return { members, flow, pending: undefined, list: readInvitations(from) }
  const pending: Pending = {
    kind,
    account: from.take(32).slice(),
    box: toHex(from.take(16)),
    invitation: from.u32(),
  }
  return { members, flow, pending, list: readInvitations(from) }
}
