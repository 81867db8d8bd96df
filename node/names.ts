// What people and contacts may be called.

import type { AccountKey } from '../protocol/account.ts'
import { MAX_NAME_BYTES } from '../protocol/content.ts'
import { equalBytes } from '../protocol/bytes.ts'
import type { ContactBook } from './contacts.ts'
import { SottoError } from './errors.ts'

/** A name is shown in lists and prompts. */
const MAX_NAME_CHARACTERS = 64

/** SottoError INVALID_ARGUMENT unless it can be shown, and cannot be taken for an id. */
export function checkName(name: string): void {
  const fits = name.trim() !== '' && name.length <= MAX_NAME_CHARACTERS && name.isWellFormed()
  const small = new TextEncoder().encode(name).length <= MAX_NAME_BYTES
  if (fits && small && !/^(c_|12D3KooW|SOTTO:)/i.test(name)) return
  throw new SottoError('INVALID_ARGUMENT', 'this is no usable name', {
    hint: `a name has 1 to ${MAX_NAME_CHARACTERS} characters and does not look like an id or a link`,
  })
}

/** The same for a contact; two contacts do not share a name. */
export function checkContactName(name: string, account: AccountKey, book: ContactBook): void {
  checkName(name)
  const taken = book
    .all()
    .some(({ contact }) => contact.name === name && !equalBytes(contact.account, account))
  if (!taken) return
  throw new SottoError('INVALID_ARGUMENT', 'another contact already has this name', {
    hint: 'choose another with --name',
  })
}
