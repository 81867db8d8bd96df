// A delivery token: what an owner gives a contact, and nobody else, to be shown at one mailbox of the owner (docs/protocol.md,
// "Delivery tokens"). Where one stands in a content it is bytes, like a text; where it is kept it is this.

import type { RandomBytes } from './bytes.ts'
import { generateSecret, importSecret } from './crypto.ts'
import { tokenHash } from './custody.ts'
import { DecodeError } from './errors.ts'
import { Secret } from './secret.ts'

/** 32 random bytes. */
export type DeliveryToken = Secret<'DeliveryToken'>

export const DELIVERY_TOKEN_BYTES = 32

/** A fresh token. `random` must be the platform's generator. */
export function createDeliveryToken(random: RandomBytes): DeliveryToken {
  return generateSecret('DeliveryToken', DELIVERY_TOKEN_BYTES, random)
}

/** Takes the bytes over: the caller must not keep another view of them. Throws `DecodeError` ERR_MALFORMED for another length. */
export function deliveryToken(bytes: Uint8Array): DeliveryToken {
  if (bytes.length !== DELIVERY_TOKEN_BYTES) throw new DecodeError('ERR_MALFORMED')
  return importSecret('DeliveryToken', bytes)
}

/** A copy of the 32 bytes, for the content that tells it, the record that keeps it, or the request that shows it. */
export function deliveryTokenBytes(token: DeliveryToken): Uint8Array {
  return Secret.reveal(token).slice()
}

/** What the mailbox gets to know: `G(32, none, "token"; token)`, 32 bytes. */
export function deliveryTokenHash(token: DeliveryToken): Uint8Array {
  return tokenHash(Secret.reveal(token))
}
