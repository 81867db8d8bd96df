// Proofs of continuity (docs/protocol.md, "Sessions"): a new session shows that it comes from the same device
// as an older one, by a key that only the two ends of the older one have.
//
//   proof   G(32, cont(e), "continuity"; SID_old | u32 e | T_new)      item: u32 e | proof, 36 bytes

import { concat, equalBytes, u32 } from './bytes.ts'
import { keyedHash } from './crypto.ts'
import type { ContinuityKey } from './epoch.ts'
import type { Item } from './padding.ts'
import { itemKinds } from './padding.ts'
import type { PostQuantum } from './post-quantum.ts'
import { reader } from './reader.ts'
import type { Session } from './session.ts'

/** Something of the other side has opened in this session. */
export function hasHeard({ ratchet }: Session): boolean {
  return ratchet.receiving !== undefined
}

/**
 * The proofs that a message of a session which we have begun carries until it is answered: for the newest of
 * the older sessions in which the peer has spoken and, if that is another one, for our own newest.
 */
export function continuityItems(
  session: Session,
  sessions: readonly Session[],
): readonly (Item & { readonly kind: typeof itemKinds.continuity })[] {
  if (session.phase !== 'initiating') return []
  const older = sessions.filter(({ id }) => !equalBytes(id, session.id))
  const heard = newest(older.filter(hasHeard))
  const own = newest(older.filter(({ handshake }) => handshake.by === 'ours'))
  return [...new Set([heard, own])]
    .filter((from) => from !== undefined)
    .map((from) => ({ kind: itemKinds.continuity, value: proofItem(from, session) }))
}

/** The older session under which a message of a new one proves that it comes from the same device. */
export function provenBy(
  session: Session,
  items: readonly Item[],
  sessions: readonly Session[],
): Session | undefined {
  const proofs = items.filter(({ kind }) => kind === itemKinds.continuity)
  return sessions.find(
    (older) =>
      !equalBytes(older.id, session.id) &&
      proofs.some(({ value }) => holds(value, older, session.associatedData)),
  )
}

function newest(sessions: readonly Session[]): Session | undefined {
  return sessions.toSorted((a, b) => b.handshake.ordinal - a.handshake.ordinal)[0]
}

/** For the receive epoch: the other side has its key too, in whichever of its two newest epochs. */
function proofItem(
  { id, postQuantum: { epoch } }: Session,
  { associatedData }: Session,
): Uint8Array {
  return concat(u32(epoch.number), proof(epoch.continuityKey, id, epoch.number, associatedData))
}

function holds(value: Uint8Array, older: Session, transcript: Uint8Array): boolean {
  const input = reader(value)
  const epoch = input.u32()
  const claimed = input.take(32)
  const key = continuityKey(older.postQuantum, epoch)
  return key !== undefined && equalBytes(proof(key, older.id, epoch, transcript), claimed)
}

/** cont(e) of the newest two epochs. */
function continuityKey(state: PostQuantum, epoch: number): ContinuityKey | undefined {
  if (epoch === state.epoch.number) return state.epoch.continuityKey
  if (epoch === state.next?.number) return state.next.continuityKey
  return 'earlier' in state && epoch === state.epoch.number - 1 ? state.earlier : undefined
}

function proof(key: ContinuityKey, id: Uint8Array, epoch: number, transcript: Uint8Array) {
  return keyedHash(32, key, 'continuity', concat(id, u32(epoch), transcript))
}
