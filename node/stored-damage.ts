// What an event tells of damaged records, as it is kept.

import type { MessageInitShape } from '@bufbuild/protobuf'
import type { StoredDamage, StoredDamageSchema } from '../protocol/generated/store_pb.ts'
import type { DamageKind } from './api.ts'

interface TellsOfDamage {
  readonly what: DamageKind
  readonly count: number
}

/** Stored by their place: more of them come at the end. */
const KINDS: readonly DamageKind[] = [
  ...(['contact', 'session', 'key', 'entry', 'message', 'event', 'other'] as const),
  ...(['device', 'prekey', 'bundle', 'mailbox', 'clock'] as const),
]

export function storedDamage({
  what,
  count,
}: TellsOfDamage): MessageInitShape<typeof StoredDamageSchema> {
  return { what: KINDS.indexOf(what) + 1, count }
}

export function readDamage({ what, count }: StoredDamage): TellsOfDamage {
  return { what: KINDS[what - 1] ?? 'other', count }
}
