// Who left an envelope, as far as a mailbox can tell, and how much room there is for it. A box has two lanes: those who hold a
// token of the owner share the owner's quota; strangers have a small part of it, so that no number of them keeps others out.

import { equalBytes } from '../protocol/crypto.ts'
import type { DeliveryToken, Quota, StoreLimits } from './store.ts'

/** Slot of an envelope without a token that is known. */
export const STRANGER = 0

/** The slot of a token. Every token is compared, each in constant time: how long it takes does not tell how near one came. */
export function slotOf(tokens: readonly DeliveryToken[], hash: Uint8Array | undefined): number {
  if (hash === undefined) return STRANGER
  let found = STRANGER
  for (const token of tokens) if (equalBytes(token.hash, hash)) found = token.slot
  return found
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
