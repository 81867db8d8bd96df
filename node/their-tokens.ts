// The delivery tokens that a contact has given us, to be shown at mailboxes of theirs (docs/protocol.md, "Delivery tokens").

import { equalBytes } from '../protocol/bytes.ts'
import type { DeliveryTokens } from '../protocol/content.ts'
import { deliveryToken, type DeliveryToken } from '../protocol/delivery-token.ts'
import type { Draft } from './draft.ts'

export interface TheirTokens {
  /** The highest that they have said; 0: none counts yet, or they may have begun to count again. */
  readonly revision: number
  readonly tokens: readonly TheirToken[]
}

export interface TheirToken {
  /** Account key of the mailbox, as they said it. */
  readonly mailbox: Uint8Array
  readonly token: DeliveryToken
}

export const NO_TOKENS: TheirTokens = { revision: 0, tokens: [] }

/** Takes what a profile says in the place of all before, unless it is older than that. */
export function noteTheirTokens(draft: Draft, { revision, tokens }: DeliveryTokens): void {
  const before = draft.contact.theirTokens
  if (revision <= before.revision) return
  const taken = tokens.map(({ mailbox, token }) => ({ mailbox, token: deliveryToken(token) }))
  draft.spent.push(...before.tokens.map(({ token }) => token))
  draft.patch({ theirTokens: { revision, tokens: taken } })
}

/** What to show at this mailbox of theirs; undefined: we come as a stranger. */
export function tokenFor({ tokens }: TheirTokens, mailbox: Uint8Array): DeliveryToken | undefined {
  return tokens.find((one) => equalBytes(one.mailbox, mailbox))?.token
}

/**
 * They have begun again, perhaps without what they knew: they are told our tokens once more, and may count their revisions from
 * the beginning.
 */
export function forgetTold(draft: Draft): void {
  const { tokens, theirTokens } = draft.contact
  draft.patch({
    tokens: tokens.map((issued) => ({ ...issued, due: true })),
    theirTokens: { ...theirTokens, revision: 0 },
  })
}
