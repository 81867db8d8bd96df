/**
 * How long keys and records of a node live, in ms: docs/protocol.md, "Keys and lifetimes". The relations between the values are
 * in test/node/lifetimes.test.ts.
 */

export const HOUR = 3_600_000
export const DAY = 24 * HOUR

/** Signed prekey and last-resort KEM prekey are replaced after this. */
export const PREKEY_ROTATION = 7 * DAY

/** A bundle is signed again after this while the node is up, so that readers see a fresh one. */
export const BUNDLE_RESIGN = DAY

/** A bundle is put into the DHT again after at most this. */
export const BUNDLE_REPUBLISH = 12 * HOUR

/** How long a DHT peer keeps a value. */
export const DHT_VALUE_KEPT = 48 * HOUR

/** From issue to expiry of a bundle; also "use by" of a first message at its sender. */
export const BUNDLE_VALIDITY = 30 * DAY

/** A bundle older than this is shown as stale. */
export const BUNDLE_STALE = 14 * DAY

/** How long a mailbox keeps a first message, and an envelope of a session. */
export const FIRST_MESSAGE_TTL = 14 * DAY
export const SESSION_MAIL_TTL = 21 * DAY

/** How far clocks may be apart in all that is measured in days. */
export const CLOCK_MARGIN = 2 * DAY

/** Private halves of a prekey are kept this long after the last bundle that named it was issued. */
export const PREKEY_KEPT = 49 * DAY

/** A one-time pair, from its issue: off the shelf of its mailbox, refused by readers, destroyed unused by its owner. */
export const ONE_TIME_SHELF = 30 * DAY
export const ONE_TIME_VALIDITY = 60 * DAY
export const ONE_TIME_KEPT = 76 * DAY

/** A device certificate, from its issue: refused by readers, replaced by its owner. */
export const CERTIFICATE_VALIDITY = 180 * DAY
export const CERTIFICATE_RENEWAL = 60 * DAY

/** Keys of skipped messages; sessions that only receive; marks of envelopes that were seen. */
export const SKIPPED_KEYS_KEPT = 30 * DAY
export const RECEIVE_ONLY_KEPT = 40 * DAY
export const SEEN_MARKS_KEPT = 30 * DAY

/** A delivery token is replaced at this age; the one before is good for so long after the contact was told. */
export const TOKEN_RENEWED = { from: 25 * DAY, to: 35 * DAY } as const
export const TOKEN_OVERLAP = DAY

/** A session is replaced at this age: by who began it, and later by the other side, so that they do not cross. */
export const SESSION_RENEWED = { ours: 90 * DAY, theirs: 93 * DAY } as const

/** A mailbox of a contact that may have lost something comes last, and is shown, for this long after the last time. */
export const DOUBT_KEPT = 30 * DAY

/** A clock that moves by more than this without that time passing stops all destruction. */
export const CLOCK_JUMP = HOUR
