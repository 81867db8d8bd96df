// The secret in the mailbox's link. Who may join is decided by its hash; the secret itself is kept only where a link is printed.

import { equalBytes } from '../protocol/crypto.ts'
import { tokenHash } from '../protocol/custody.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { MailboxStore } from './store.ts'

const SECRET_BYTES = 16

/** The join secret of this mailbox, made at the first call (or anew, if it was damaged) and durable when it resolves. */
export async function keptJoinSecret(
  store: MailboxStore,
  random: RandomBytes,
): Promise<Uint8Array> {
  for (;;) {
    const kept = await store.setting('join-secret')
    if (kept?.length === SECRET_BYTES) return kept
    const value = random(SECRET_BYTES)
    if (await store.replaceSetting('join-secret', value, kept)) return value
  }
}

/** From now on this secret lets people in, and no other. Only its hash is kept. */
export async function setJoinSecret(store: MailboxStore, secret: Uint8Array): Promise<void> {
  const value = tokenHash(secret)
  for (;;) {
    const held = await store.setting('join')
    if (held !== undefined && equalBytes(value, held)) return
    if (await store.replaceSetting('join', value, held)) return
  }
}

/** Whether the secret is the one that lets people in; compared in constant time. */
export async function isJoinSecret(store: MailboxStore, secret: Uint8Array): Promise<boolean> {
  const held = await store.setting('join')
  return held !== undefined && equalBytes(tokenHash(secret), held)
}
