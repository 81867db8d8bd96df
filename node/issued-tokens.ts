// The delivery tokens that we have issued to one contact, one for each mailbox of ours, as values (docs/protocol.md, "Delivery
// tokens"). Who issues them, and tells the mailboxes, is token-desk.ts.

import { equalBytes, type RandomBytes } from '../protocol/bytes.ts'
import {
  createDeliveryToken,
  deliveryTokenHash,
  type DeliveryToken,
} from '../protocol/delivery-token.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { Secret } from '../protocol/secret.ts'
import { between } from '../net/backoff.ts'
import type { TokenSlot } from '../net/mailbox-client.ts'
import type { Draft } from './draft.ts'
import { TOKEN_OVERLAP, TOKEN_RENEWED } from './lifetimes.ts'

export interface IssuedToken {
  readonly mailbox: AccountKey
  /** What the mailbox calls the contact: random, above 0, the same for as long as the contact has a token there. */
  readonly slot: number
  readonly token: DeliveryToken
  /** Unix ms. */
  readonly renewAt: number
  /** The contact has to be told of it, or again. */
  readonly due: boolean
  /** Unix ms when the contact was told last; 0: never. */
  readonly toldAt: number
  readonly previous: PreviousToken | undefined
}

/** What was good before, under the same slot. */
export interface PreviousToken {
  readonly token: DeliveryToken
  /** Unix ms; 0: until some time after the contact was told of the new one. */
  readonly until: number
}

const SLOT_BYTES = 4

/** The first token of a contact at a mailbox. Slots are not compared: where two share one, mail is looked for at both. */
export function issueToken(mailbox: AccountKey, now: number, random: RandomBytes): IssuedToken {
  const bytes = random(SLOT_BYTES)
  const slot = new DataView(bytes.buffer, bytes.byteOffset, SLOT_BYTES).getUint32(0) || 1
  return { mailbox, slot, ...fresh(now, random), toldAt: 0, previous: undefined }
}

/** Another token under the same slot. One that the contact has never been told of leaves no trace. */
export function renewToken(issued: IssuedToken, now: number, random: RandomBytes): IssuedToken {
  const isTold = issued.toldAt !== 0
  const previous = isTold ? { token: issued.token, until: 0 } : issued.previous
  return { ...issued, ...fresh(now, random), toldAt: 0, previous }
}

function fresh(now: number, random: RandomBytes): Pick<IssuedToken, 'token' | 'renewAt' | 'due'> {
  const renewAt = now + between(TOKEN_RENEWED.from, TOKEN_RENEWED.to, random)
  return { token: createDeliveryToken(random), renewAt, due: true }
}

/** The contact is being told: from now on the days of the one before are counted. */
export function toldToken(issued: IssuedToken, now: number): IssuedToken {
  const { previous } = issued
  const until = previous?.until === 0 ? now + TOKEN_OVERLAP : previous?.until
  const ending = previous && until !== undefined ? { ...previous, until } : undefined
  return { ...issued, due: false, toldAt: now, previous: ending }
}

/** Without the one before, if its time is over. */
export function endedPrevious(issued: IssuedToken, now: number): IssuedToken {
  return hasEnded(issued.previous, now) ? { ...issued, previous: undefined } : issued
}

function hasEnded(previous: PreviousToken | undefined, now: number): boolean {
  if (previous === undefined || previous.until === 0) return false
  // A clock that was ahead when it was dated must not keep it for ever.
  return previous.until <= now || previous.until - now > TOKEN_OVERLAP
}

/** The token for a mailbox, if one is issued. */
export function tokenAt(
  tokens: readonly IssuedToken[],
  mailbox: Uint8Array,
): IssuedToken | undefined {
  return tokens.find((issued) => equalBytes(issued.mailbox, mailbox))
}

/** What the mailbox has to know of one: the token itself first. */
export function slotsOf({ slot, token, previous }: IssuedToken): readonly TokenSlot[] {
  const hashes = [token, ...(previous === undefined ? [] : [previous.token])].map(deliveryTokenHash)
  return hashes.map((hash) => ({ slot, hash }))
}

/** The secrets in them. */
export function secretsOfIssued(tokens: readonly IssuedToken[]): readonly Secret[] {
  return tokens.flatMap(({ token, previous }) =>
    previous === undefined ? [token] : [token, previous.token],
  )
}

/** Takes tokens in the place of those before; what is not among them any more is wiped after the commit. */
export function replaceTokens(draft: Draft, tokens: readonly IssuedToken[]): void {
  const kept = new Set(secretsOfIssued(tokens))
  draft.spent.push(...secretsOfIssued(draft.contact.tokens).filter((one) => !kept.has(one)))
  draft.patch({ tokens })
}
