// Who left an envelope, as far as a mailbox can tell, and how much room there is for it. A box has two lanes: those who hold a
// token of the owner share the owner's quota; strangers have a small part of it, so that no number of them keeps others out.

import { toHex } from '../protocol/bytes.ts'
import type { DeliveryToken, Quota, StoreLimits } from './store.ts'

/** Slot of an envelope without a token that is known. */
export const STRANGER = 0

/** Slots by hash, of lists that were asked about. */
const known = new WeakMap<readonly DeliveryToken[], ReadonlyMap<string, number>>()

/**
 * The slot of a token. It is looked for by its hash, which whoever shows a token cannot choose: how long that takes tells neither
 * how near one came nor how many there are.
 */
export function slotOf(tokens: readonly DeliveryToken[], hash: Uint8Array | undefined): number {
  if (hash === undefined) return STRANGER
  let slots = known.get(tokens)
  if (slots === undefined) {
    slots = new Map(tokens.map((token) => [toHex(token.hash), token.slot]))
    known.set(tokens, slots)
  }
  return slots.get(toHex(hash)) ?? STRANGER
}

/** What waits in a box: in all, and of that from strangers. */
export interface Filling {
  readonly all: Quota
  readonly strangers: Quota
}

/** Whether there is room for one more envelope. An owner who has given out no token has one lane for everybody. */
export function hasRoom(
  { all, strangers }: Filling,
  envelope: { readonly bytes: number; readonly slot: number },
  of: { readonly quota: Quota; readonly limits: StoreLimits; readonly hasTokens: boolean },
): boolean {
  if (!fits(all, envelope.bytes, of.quota)) return false
  if (envelope.slot !== STRANGER || !of.hasTokens) return true
  const lane = {
    bytes: Math.min(of.limits.strangerBytes, Math.floor(of.quota.bytes / 2)),
    messages: Math.min(of.limits.strangerMessages, Math.floor(of.quota.messages / 2)),
  }
  return fits(strangers, envelope.bytes, lane)
}

/** Of its budget, a mailbox fills so much: the rest is for what belongs to the envelopes. */
const FILLED = 0.9

/** Whether the mailbox may hold so many bytes of envelopes, of all owners together. */
export function isInBudget(bytes: number, { budgetBytes }: StoreLimits): boolean {
  return bytes <= Math.floor(budgetBytes * FILLED)
}

function fits(filled: Quota, bytes: number, quota: Quota): boolean {
  return filled.messages < quota.messages && filled.bytes + bytes <= quota.bytes
}

/** Whether a pair may go: strangers leave the reserve of an owner who has given out tokens. */
export function mayTake(
  tokens: readonly DeliveryToken[],
  hash: Uint8Array | undefined,
  shelf: { readonly pairs: number; readonly reserved: number },
): boolean {
  const isStranger = slotOf(tokens, hash) === STRANGER
  return tokens.length === 0 || !isStranger || shelf.pairs > shelf.reserved
}
