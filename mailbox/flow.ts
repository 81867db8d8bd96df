// What has happened to envelopes since the start.

/** Over all front ends: accepted = acknowledged + expired + removed + what was added to waiting. */
export interface Flow {
  accepted: number
  acknowledged: number
  expired: number
  removed: number
}

export function newFlow(): Flow {
  return { accepted: 0, acknowledged: 0, expired: 0, removed: 0 }
}
