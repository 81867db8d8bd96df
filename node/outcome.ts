// What became of an envelope, and the one table that says what that means: what is stored, what the other side is told, what
// is emitted. The same table stands in docs/architecture.md.

export type Outcome =
  | 'opened'
  | 'duplicate'
  | 'too-far-ahead'
  | 'not-authentic'
  | 'no-session'
  | 'unknown-prekey'
  | 'blocked'
  | 'oversized'
  | 'store-full'

/** Codes of a refusal on the direct stream (protocol/proto/direct.proto). */
export const REFUSED = { cannotOpen: 1, notAllowed: 2, tryLater: 3 } as const

export interface Decision {
  /** Undefined: acknowledged. Strangers cannot tell the reasons for `cannotOpen` apart. */
  readonly direct: (typeof REFUSED)[keyof typeof REFUSED] | undefined
  /** Whether the mailbox may delete it. */
  readonly mailboxMayDelete: boolean
}

const ACKNOWLEDGED: Decision = { direct: undefined, mailboxMayDelete: true }
const CANNOT_OPEN: Decision = { direct: REFUSED.cannotOpen, mailboxMayDelete: true }

const DECISIONS: Readonly<Record<Outcome, Decision>> = {
  opened: ACKNOWLEDGED,
  duplicate: ACKNOWLEDGED,
  'too-far-ahead': CANNOT_OPEN,
  'not-authentic': CANNOT_OPEN,
  'no-session': CANNOT_OPEN,
  'unknown-prekey': CANNOT_OPEN,
  oversized: CANNOT_OPEN,
  blocked: { direct: REFUSED.notAllowed, mailboxMayDelete: true },
  'store-full': { direct: REFUSED.tryLater, mailboxMayDelete: false },
}

export function decide(outcome: Outcome): Decision {
  return DECISIONS[outcome]
}
