// The invitation that a mailbox makes itself at its first start, so that there is a link to share. It is one like all others, but
// that its secret is kept, for printing the link again; of the others only the hash is.

import { tokenHash } from '../protocol/custody.ts'
import { isSame } from './same.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { MailboxStore } from './store.ts'

/** Of every join secret that is made here. */
export const JOIN_SECRET_BYTES = 16

const LABEL = 'first'

/** The secret of the first invitation, made at the first call (or anew, if it was damaged) and durable when it resolves. */
export async function keptJoinSecret(
  store: MailboxStore,
  random: RandomBytes,
): Promise<Uint8Array> {
  for (;;) {
    const kept = await store.setting('join-secret')
    if (kept?.length === JOIN_SECRET_BYTES) return kept
    const value = random(JOIN_SECRET_BYTES)
    if (await store.replaceSetting('join-secret', value, kept)) return value
  }
}

/**
 * Makes this the secret of the first invitation, in the place of another: any number may join by it, until it is revoked. One that
 * was revoked is not made again. `now` is time of the time base.
 */
export async function makeFirstInvitation(
  store: MailboxStore,
  secret: Uint8Array,
  now: number,
): Promise<void> {
  const hash = tokenHash(secret)
  const held = await store.setting('first-invitation')
  if (isSame(held, hash)) return
  // Noted last: who dies before it finds here what was done, and nobody is left without.
  const known = await store.invitations()
  if (!known.some((one) => isSame(one.hash, hash))) {
    const any = { uses: undefined, expiresAt: undefined, quota: undefined }
    await store.invite({ label: LABEL, hash, ...any }, now)
  }
  for (const one of known) if (isSame(one.hash, held)) await store.revoke(one.id)
  await store.replaceSetting('first-invitation', hash, held)
}

/** Whether an invitation has this secret, spent or not. */
export async function isInvitation(store: MailboxStore, secret: Uint8Array): Promise<boolean> {
  const hash = tokenHash(secret)
  return (await store.invitations()).some((one) => isSame(one.hash, hash))
}
