// A contact whose record is damaged, put together from what else the store has of it: its sessions name the account, the history
// the counters. What cannot be known is as with somebody new: no name of ours, not verified, no bundle.

import type { Handshake, Session } from '../protocol/session.ts'
import { handshakeMade, handshakeOpened, NO_HANDSHAKES } from '../protocol/sessions.ts'
import { peerName } from '../net/peer-name.ts'
import type { Records } from '../net/records.ts'
import type { ContactId } from './api.ts'
import { defaultName, newContact, type ContactState } from './contact.ts'
import { keys } from './keys.ts'
import { loadSessions } from './load.ts'

/** Undefined where no session is left that names the account. Throws `StoreError` when the database fails. */
export async function recoverContact(
  records: Records,
  id: ContactId,
  now: number,
): Promise<ContactState | undefined> {
  const { sessions } = await loadSessions(records, id, [])
  const account = sessions[0]?.theirs.account
  if (account === undefined) return undefined
  const sentCounter = await highest(records, keys.sent(id), 0)
  const receivedCounter = await highest(records, keys.received(id), 1)
  const name = defaultName(peerName(account))
  const state = sentCounter > 0 ? 'accepted' : 'requested'
  const fields = { account, name, state, addresses: [], mailboxes: [], now } as const
  const contact = { ...newContact(fields, (length) => new Uint8Array(length)), id }
  const handshakes = byAge(sessions).reduce(
    (known, handshake) =>
      handshake.by === 'ours' ? handshakeMade(known, handshake) : handshakeOpened(known, handshake),
    NO_HANDSHAKES,
  )
  return { ...contact, handshakes, sentCounter, receivedCounter, profileSent: true }
}

function byAge(sessions: readonly Session[]): readonly Handshake[] {
  const handshakes = sessions.map(({ handshake }) => handshake)
  return handshakes.toSorted((a, b) => a.ordinal - b.ordinal)
}

/** The highest counter among the names of messages; it stands so many parts before the end. */
async function highest(records: Records, prefix: string, behind: 0 | 1): Promise<number> {
  const counters: number[] = [0]
  const take = (key: string): void =>
    void counters.push(Number.parseInt(key.split('/').at(-1 - behind) ?? '0', 16))
  const range = records.range(prefix, { reverse: true, limit: 1, damaged: take })
  for await (const { key } of range) take(key)
  return Math.max(...counters)
}
