// Names of records in the store. They hold local ids, counters and hashes only, never an account, so that a look at the
// database does not show whom a node talks to. Numbers are written so that their order is the order of the names.

import { toHex } from '../protocol/bytes.ts'
import type { ContactId } from './api.ts'

/** 16 hex digits: the order of the text is the order of the numbers (to 2^53 - 1). */
function padded(number: number): string {
  return number.toString(16).padStart(16, '0')
}

/** The id of a prekey: 8 hex digits. */
function prekeyId(id: number): string {
  return id.toString(16).padStart(8, '0')
}

/** How the names of records begin that must die with what they hold: private keys, sessions, what is on its way. */
export const DYING: readonly string[] = [
  'outbox/',
  'own/device',
  'own/pair/',
  'own/prekeys/',
  'session/',
  'skipped/',
]

export const keys = {
  self: 'node/self',
  device: 'own/device',
  /** Why and when all sessions were left. */
  recovery: 'own/recovery',
  /** Batches that were written: net/commit-chain.ts. */
  commits: 'commit/',
  clock: 'own/clock',
  bundle: 'own/bundle',
  generations: 'own/prekeys/',
  generation: (signedPrekeyId: number) => `own/prekeys/${prekeyId(signedPrekeyId)}`,
  issuedBundles: 'own/issued/',
  /** Says the sequence of the bundle, whatever becomes of the value. */
  issuedBundle: (sequence: number) => `own/issued/${sequence.toString(16).padStart(14, '0')}`,
  pairs: 'own/pair/',
  pair: (id: number) => `own/pair/${prekeyId(id)}`,
  mailboxes: 'own/mailbox/',
  mailbox: (account: Uint8Array) => `own/mailbox/${toHex(account)}`,
  notes: 'own/note/',
  note: (mailbox: Uint8Array, pair: number) => `own/note/${toHex(mailbox)}/${prekeyId(pair)}`,
  contacts: 'contact/',
  contact: (contact: ContactId) => `contact/${contact}`,
  sessions: (contact: ContactId) => `session/${contact}/`,
  session: (contact: ContactId, id: Uint8Array) => `session/${contact}/${toHex(id)}`,
  /** How often each of them was written. */
  sessionGenerations: (contact: ContactId) => `generation/${contact}`,
  skippedOf: (contact: ContactId, id: Uint8Array) => `skipped/${contact}/${toHex(id)}/`,
  skipped: (contact: ContactId, id: Uint8Array, name: string) =>
    `skipped/${contact}/${toHex(id)}/${name}`,
  handshakes: 'handshake/',
  /** By the hash of the ephemeral key of an accepted first message. */
  handshake: (ephemeralKeyHash: Uint8Array) => `handshake/${toHex(ephemeralKeyHash)}`,
  sent: (contact: ContactId) => `message/${contact}/out/`,
  sentMessage: (contact: ContactId, counter: number) => `message/${contact}/out/${padded(counter)}`,
  received: (contact: ContactId) => `message/${contact}/in/`,
  receivedMessage: (contact: ContactId, counter: number, id: Uint8Array) =>
    `message/${contact}/in/${padded(counter)}/${toHex(id)}`,
  /** Where our message with this id is. */
  sentId: (id: Uint8Array) => `id/out/${toHex(id)}`,
  /** Where their message with this id is; also the mark that it was seen. */
  receivedId: (contact: ContactId, id: Uint8Array) => `id/in/${contact}/${toHex(id)}`,
  seenMarks: 'seen/',
  /** Marks of a day (days since 1970) and of those after it are not before this. */
  seenFrom: (day: number) => `seen/${padded(day)}/`,
  seenOn: (day: number, contact: ContactId) => `seen/${padded(day)}/${contact}/`,
  /** What an envelope brought, by the beginning of its digest. */
  seen: (day: number, contact: ContactId, digest: Uint8Array) =>
    `seen/${padded(day)}/${contact}/${toHex(digest)}`,
  outbox: 'outbox/',
  outboxOf: (contact: ContactId) => `outbox/${contact}/`,
  outboxEntry: (contact: ContactId, order: number) => `outbox/${contact}/${padded(order)}`,
  dueOf: (contact: ContactId) => `due/${contact}/`,
  receiptDue: (contact: ContactId, id: Uint8Array) => `due/${contact}/${toHex(id)}`,
  events: 'event/',
  event: (seq: number) => `event/${padded(seq)}`,
  consumers: 'consumer/',
  consumer: (name: string) => `consumer/${name}`,
} as const
