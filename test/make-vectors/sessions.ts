/** Vectors of docs/protocol.md, "Sessions": statements, proofs of continuity, the choice of the sending session. */
import { concat, u32 } from '../../protocol/bytes.ts'
import { continuityItems, provenBy } from '../../protocol/continuity.ts'
import { keyedHash } from '../../protocol/crypto.ts'
import type { Session } from '../../protocol/session.ts'
import { nextOrdinal, sendingSession } from '../../protocol/sessions.ts'
import { encodeStatement } from '../../protocol/statement.ts'
import { NOW } from './people.ts'
import { Transcript } from './transcript.ts'
import { agree, hex, hexes, there } from './values.ts'

/** The file `sessions.json`. */
export function sessionVectors() {
  const statement = { ordinal: NOW + 1, seen: 0x1f_ffff_ffff_ffff, mark: mark(7) }
  return {
    statement: { ...statement, mark: hex(statement.mark), value: hex(encodeStatement(statement)) },
    continuity: continuity(),
    choices: choices(),
    ordinals: ordinals(),
  }
}

function mark(byte: number): Uint8Array {
  return new Uint8Array(16).fill(byte)
}

/** A proof in epoch 0, while the next one is agreed on. */
function continuity() {
  const older = new Transcript('continuity', 'last-resort')
  older.receive('B', older.send('A', 'hello'))
  older.receive('A', older.send('B', 'hello'))
  const newer = new Transcript('continuity, anew', 'one-time')
  const before = older.session('A')
  const session = newer.session('A')
  const items = continuityItems(session, [before, session])
  newer.receive('B', newer.send('A', 'hello again', items))
  if (provenBy(newer.session('B'), items, [older.session('B')]) === undefined) {
    throw new Error('vectors: the proof does not hold')
  }
  const { number, continuityKey } = before.postQuantum.epoch
  const T_new = session.associatedData
  const input = concat(before.id, u32(number), T_new)
  const proof = keyedHash(32, continuityKey, 'continuity', input)
  const { value } = there(items[0])
  agree('item', hex(concat(u32(number), proof)), value)
  return {
    ...hexes({ cont: continuityKey, SID_old: before.id, T_new, proof, value }),
    epoch: number,
  }
}

interface Known {
  readonly ordinal: number
  readonly seen: number
  readonly mark: number
}

/** Handshakes of both sides, and the maker of the one whose session sends. */
function choices() {
  const template = new Transcript('choice', 'last-resort').session('A')
  const known = (ordinal: number, seen: number, byte: number): Known => {
    return { ordinal, seen, mark: byte }
  }
  const cases: readonly (readonly [Known | undefined, Known | undefined])[] = [
    [known(5, 0, 1), undefined],
    [undefined, known(5, 0, 1)],
    [known(5, 4, 9), known(4, 0, 1)],
    [known(5, 3, 1), known(4, 5, 9)],
    [known(5, 0, 1), known(6, 0, 2)],
    [known(5, 0, 2), known(6, 0, 1)],
    [known(5, 9, 1), known(6, 9, 2)],
    [known(5, 9, 2), known(6, 9, 1)],
  ]
  return cases.map(([ours, theirs]) => {
    const sessions = [held(template, 'ours', ours), held(template, 'theirs', theirs)].flat()
    const sends = there(sendingSession(sessions)).handshake.by
    return { ours: shown(ours), theirs: shown(theirs), sends }
  })
}

function held(template: Session, by: 'ours' | 'theirs', known?: Known): readonly Session[] {
  if (known === undefined) return []
  return [{ ...template, handshake: { ...known, by, mark: mark(known.mark) } }]
}

function shown(known?: Known) {
  return known === undefined ? null : { ...known, mark: hex(mark(known.mark)) }
}

function ordinals() {
  const cases = [
    { previous: 0, seenByThem: 0, now: NOW },
    { previous: NOW, seenByThem: 0, now: NOW },
    { previous: NOW + 9, seenByThem: NOW + 10, now: NOW },
  ]
  return cases.map((known) => ({ ...known, ordinal: nextOrdinal(known) }))
}
