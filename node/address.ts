// What people type to name somebody: a contact link, or a bare PeerId.

import type { AccountKey } from '../protocol/account.ts'
import { CONTACT_LINK_PREFIX, decodeContactLink } from '../protocol/link.ts'
import { addressText, addressTexts } from '../net/address.ts'
import { accountOf } from '../net/peer-name.ts'
import { SottoError } from './errors.ts'
import type { MailboxHint } from './mailbox-pool.ts'

export interface ParsedAddress {
  readonly account: AccountKey
  readonly addresses: readonly string[]
  readonly mailboxes: readonly MailboxHint[]
}

/** Nothing in the result is trusted beyond the account key. SottoError INVALID_ARGUMENT says what is wrong. */
export function parseAddress(text: string): ParsedAddress {
  const trimmed = text.trim()
  const isLink = trimmed.toUpperCase().startsWith(CONTACT_LINK_PREFIX)
  try {
    if (!isLink) return { account: accountOf(trimmed), addresses: [], mailboxes: [] }
    const link = decodeContactLink(trimmed)
    return {
      account: link.account,
      addresses: addressTexts(link.addresses),
      mailboxes: link.mailboxes.flatMap(({ account, address }) => {
        const shown = addressText(address)
        return shown === undefined ? [] : [{ account, addresses: [shown] }]
      }),
    }
  } catch (cause) {
    throw new SottoError(
      'INVALID_ARGUMENT',
      isLink
        ? 'this contact link is damaged or incomplete'
        : 'this is neither a contact link nor a PeerId',
      { cause, hint: 'ask for the output of: sotto id   (it begins with SOTTO:C/1/ or 12D3KooW)' },
    )
  }
}
