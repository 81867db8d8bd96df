// What is done about damaged records of a conversation, once they were met: they go, the session is replaced, what the outbox has
// lost is taken from the history again, and the damage is told of.

import { fromHex } from '../protocol/bytes.ts'
import type { Operation, Records } from '../net/records.ts'
import type { DamageKind } from './api.ts'
import { addText } from './compose.ts'
import type { DamagedRecord } from './damage.ts'
import type { Draft } from './draft.ts'
import { keys } from './keys.ts'
import { isUnreceipted, type Answerer } from './missing.ts'
import { wantRenewal } from './renewal.ts'

/** The sending half of a conversation, and the store to look in for what belongs to a damaged record. */
export interface Mender extends Answerer {
  readonly records: Records
}

/** Makes up for damage as well as can be. Rejects with `StoreError`; it is then done another time. */
export async function mend(
  draft: Draft,
  mender: Mender,
  damage: readonly DamagedRecord[],
): Promise<void> {
  const of = (what: DamageKind): readonly DamagedRecord[] =>
    damage.filter((record) => record.what === what)
  for (const { what, key } of damage) {
    // A contact's record is written again from what is known.
    if (what !== 'contact') draft.operations.push({ type: 'del', key })
  }
  for (const { key } of of('session')) draft.operations.push(...(await beside(draft, mender, key)))
  if (of('contact').length > 0) draft.patch({})
  if (of('session').length > 0) wantRenewal(draft, 'damaged')
  if (of('entry').length > 0) await queueAgain(draft, mender)
  for (const what of new Set(damage.map((record) => record.what))) {
    tell(draft, what, of(what).length)
  }
}

/** The records that stood beside a session that is gone. */
async function beside(
  draft: Draft,
  { records }: Mender,
  session: string,
): Promise<readonly Operation[]> {
  const name = session.slice(session.lastIndexOf('/') + 1)
  if (!/^(?:[\da-f]{2})+$/.test(name)) return [] // the damage is in the name, and nothing stands beside it
  const id = fromHex(name)
  const gone: Operation[] = []
  const take = (key: string): void => void gone.push({ type: 'del', key })
  const range = records.range(keys.skippedOf(draft.contact.id, id), { damaged: take })
  for await (const { key } of range) take(key)
  return gone
}

/** Messages that wait for a receipt and are not in the outbox any more. */
export async function queueAgain(draft: Draft, mender: Mender): Promise<void> {
  const all = { first: 1, last: draft.contact.sentCounter }
  for await (const message of mender.sentBetween(all)) {
    if (!isUnreceipted(message) || mender.orderOf(message.id) !== undefined) continue
    addText(draft, mender, message)
  }
}

function tell(draft: Draft, what: DamageKind, count: number): void {
  draft.events.push({
    event: {
      type: 'node.damaged',
      at: draft.now,
      contact: draft.contact.id,
      damage: { what, count },
    },
  })
}
