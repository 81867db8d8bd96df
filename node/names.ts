// What people and contacts may be called.

import type { AccountKey } from '../protocol/account.ts'
import { MAX_NAME_BYTES } from '../protocol/content.ts'
import { equalBytes } from '../protocol/bytes.ts'
import type { ContactBook } from './contacts.ts'
import { SottoError } from './errors.ts'

/** A name is shown in lists and prompts. */
const MAX_NAME_CHARACTERS = 64

/** Whether it can be shown, and cannot be taken for an id. */
export function isUsableName(name: string): boolean {
  const fits = name.trim() !== '' && name.length <= MAX_NAME_CHARACTERS && name.isWellFormed()
  const small = new TextEncoder().encode(name).length <= MAX_NAME_BYTES
  return fits && small && !/^(c_|12D3KooW|SOTTO:)/i.test(name)
}

/** SottoError INVALID_ARGUMENT unless it is usable. */
export function checkName(name: string): void {
  if (isUsableName(name)) return
  throw new SottoError('INVALID_ARGUMENT', 'this is no usable name', {
    hint: `a name has 1 to ${MAX_NAME_CHARACTERS} characters and does not look like an id or a link`,
  })
}

/** The same for a contact; two contacts do not share a name. A stranger's name keeps nobody from having it. */
export function checkContactName(name: string, account: AccountKey, book: ContactBook): void {
  checkName(name)
  const owner = book.acceptedAs(name)
  if (owner === undefined || equalBytes(owner.contact.account, account)) return
  throw new SottoError('INVALID_ARGUMENT', 'another contact already has this name', {
    hint: 'choose another with --name',
  })
}
