// How often a session may be asked to open what does not open. Only a holder of its header key gets
// that far; each attempt may cost a jump of 4 000 steps. A value of its own beside the session,
// since a failed step changes no session.

/** Failures of one session since a body last opened. */
export interface FailedBodies {
  readonly total: number
  /** Unix ms, the newest `MAX_FAILED_PER_HOUR` at most, rising. */
  readonly recent: readonly number[]
}

export const MAX_FAILED_PER_HOUR = 8
/** Above it the session is only good to be replaced. */
export const MAX_FAILED_TOTAL = 200

/** The state of a session in which a body has just opened. */
export const NO_FAILED_BODIES: FailedBodies = { total: 0, recent: [] }

/**
 * Whether another envelope may be tried at `now`; if not, it is refused as ERR_LIMIT without being
 * opened.
 */
export function mayTryBody(failed: FailedBodies, now: number): boolean {
  if (failed.total >= MAX_FAILED_TOTAL) return false
  return withinHour(failed, now).length < MAX_FAILED_PER_HOUR
}

/** The state after `openMessage` threw ERR_NOT_AUTHENTIC. */
export function countFailedBody(failed: FailedBodies, now: number): FailedBodies {
  return { total: failed.total + 1, recent: [...withinHour(failed, now), now] }
}

function withinHour({ recent }: FailedBodies, now: number): readonly number[] {
  return recent.filter((at) => at > now - HOUR && at <= now)
}

const HOUR = 60 * 60 * 1000
