// What is let go by its age or because nothing needs it any more: keys of skipped messages, sessions that do not send, marks
// of envelopes, and marks of handshakes whose prekeys and session are gone. Called every hour; by which time is the business
// of clock-guard.ts.

import { equalBytes } from '../protocol/bytes.ts'
import { HandshakeRecordSchema, type HandshakeRecord } from '../protocol/generated/store_pb.ts'
import type { Operation, Records } from '../net/records.ts'
import type { ContactBook } from './contacts.ts'
import { forgetNotes, forgetNotesAhead } from './hand-out-notes.ts'
import { keys } from './keys.ts'
import type { OwnKeys } from './own-keys.ts'
import { forgetSeen, forgetSeenAhead } from './seen-envelopes.ts'
import { decodeRecord } from './stored-record.ts'

interface Dated {
  readonly book: ContactBook
  readonly records: Records
}

export interface Expiring extends Dated {
  readonly ownKeys: Pick<OwnKeys, 'holds'>
}

/** What the clock has dated while it was ahead counts as of now; else it would be kept as long as the clock was ahead. */
export async function correctTimes({ book, records }: Dated, now: number): Promise<void> {
  for (const conversation of book.all()) await conversation.redate(now)
  await forgetSeenAhead(records, now)
  await forgetNotesAhead(records, now)
}

/** Rejects with `StoreError`; what was not let go stays for the next time. `by`: Unix ms. */
export async function expireOld(from: Expiring, by: number): Promise<void> {
  for (const conversation of from.book.all()) {
    await conversation.expire(by)
  }
  await forgetHandshakes(from)
  await forgetSeen(from.records, by)
  await forgetNotes(from.records, by)
}

/** An accepted ephemeral key is remembered as long as any prekey it used, or the session that it made. */
async function forgetHandshakes({ book, records, ownKeys }: Expiring): Promise<void> {
  const gone: Operation[] = []
  const damaged = (): void => undefined // nobody knows what it is for: it stays
  for await (const { key, value } of records.range(keys.handshakes, { damaged })) {
    const mark = decodeRecord(HandshakeRecordSchema, value)
    const used = ownKeys.holds(mark.signedPrekeyId) || ownKeys.holds(mark.kemPrekeyId)
    if (!used && !hasSession(book, mark)) gone.push({ type: 'del', key })
  }
  if (gone.length > 0) await records.commit(gone)
}

function hasSession(book: ContactBook, { contact, sessionId }: HandshakeRecord): boolean {
  const sessions = book.byId(contact)?.sessions ?? []
  return sessions.some(({ id }) => equalBytes(id, sessionId))
}
