import { create } from '@bufbuild/protobuf'
import { beforeAll, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { StoredPostQuantumSchema } from '../../protocol/generated/session_pb.ts'
import { readPostQuantum } from '../../protocol/post-quantum-codec.ts'
import type { PostQuantum } from '../../protocol/post-quantum.ts'
import { wipeAll } from '../../protocol/secret.ts'
import type { KeptRecord, Session } from '../../protocol/session.ts'
import { receiveOnly } from '../../protocol/session.ts'
import {
  decodeSession,
  encodeSession,
  encodeSkippedKey,
  skippedKeyName,
} from '../../protocol/session-codec.ts'
import { expectExact, refusal } from '../support/refusals.ts'
import { secretsIn } from '../support/secrets.ts'
import { Talker, acquainted, there } from '../support/talkers.ts'

beforeAll(() => ready)

describe('a stored session', () => {
  test('comes back as it was, in every phase', () => {
    const { ours, theirs } = acquainted()
    const begun = new Talker('begun').begin(theirs)
    for (const session of [begun, ours.session, theirs.session, receiveOnly(ours.session)]) {
      const again = decodeSession(encodeSession(session), [])
      expect(again.phase).toBe(session.phase)
      expect(encodeSession(again)).toEqual(encodeSession(session))
      expect(again).toEqual(session)
    }
  })

  test('comes back in every phase of the post-quantum ratchet, in epoch 0 and later', () => {
    const { ours, theirs } = acquainted()
    const seen = new Set<string>()
    for (let i = 0; i < 130; i += 1) {
      const [from, to] = i % 2 === 0 ? [ours, theirs] : [theirs, ours]
      to.receive(from.send())
      for (const { session } of [ours, theirs]) {
        const { phase, epoch } = session.postQuantum
        const key = `${phase} ${epoch.number}`
        if (seen.has(key)) continue
        seen.add(key)
        const records = recordsOf(session).map(encodeSkippedKey)
        expect(decodeSession(encodeSession(session), records)).toEqual(session)
      }
    }
    const later = ['idle 1', 'offering 1', 'answered 1', 'switched 1', 'idle 2']
    expect([...seen]).toEqual(expect.arrayContaining(later))
  })

  test('is refused with parts of the post-quantum ratchet that do not go together', () => {
    const before = acquainted()
    const [answered, offering] = [before.ours.session, before.theirs.session]
    const { ours, theirs } = acquainted()
    theirs.receive(ours.send())
    ours.receive(theirs.send())
    const [idle, switched] = [ours.session, theirs.session]
    const wrong: readonly Session[] = [
      changed(answered, 'answered', (state) => ({ ...state, part: state.part.slice(1) })),
      changed(answered, 'answered', (state) => ({
        ...state,
        next: { ...state.next, number: 2 },
      })),
      changed(answered, 'answered', (state) => ({
        ...state,
        epoch: { ...state.epoch, nextStepKey: state.next.nextStepKey },
      })),
      changed(switched, 'switched', (state) => ({
        ...state,
        epoch: { ...state.epoch, sendingKey: state.next.sendingKey },
      })),
      changed(switched, 'switched', (state) => ({
        ...state,
        epoch: { ...state.epoch, nextStepKey: state.next.nextStepKey },
      })),
      changed(switched, 'switched', (state) => ({ ...state, keyDigest: new Uint8Array(31) })),
      changed(offering, 'offering', (state) => ({
        ...state,
        earlier: state.epoch.continuityKey,
        epoch: { ...state.epoch, number: 0xffff_ffff },
      })),
      changed(idle, 'idle', (state) => ({ ...state, earlier: undefined })),
      changed(idle, 'idle', (state) => ({ ...state, epoch: { ...state.epoch, number: 0 } })),
    ]
    for (const session of wrong) {
      const bytes = encodeSession(session)
      expect(refusal(() => decodeSession(bytes, []))).toBe('DecodeError ERR_MALFORMED')
    }
  })

  test('is refused without a post-quantum ratchet, or with one that is in no phase', () => {
    const epoch = { number: 0, receivingKey: new Uint8Array(32) }
    const nowhere = create(StoredPostQuantumSchema, { epoch })
    for (const stored of [undefined, nowhere]) {
      expect(refusal(() => readPostQuantum(stored))).toBe('DecodeError ERR_MALFORMED')
    }
  })

  test('keeps its stored bytes when its secrets are wiped', () => {
    const bytes = encodeSession(acquainted().ours.session)
    const before = bytes.slice()
    wipeAll(secretsIn(decodeSession(bytes, [])))
    expect(bytes).toEqual(before)
  })

  test('is refused when a byte is missing or added', () => {
    const bytes = encodeSession(acquainted().ours.session)
    expectExact(bytes, (changed) => decodeSession(changed, []))
  })

  test('is refused with another version, a phase that is none, or parts of the wrong length', () => {
    const session = acquainted().ours.session
    const bytes = encodeSession(session)
    const changes: readonly (readonly [number, number, string])[] = [
      [1, 2, 'ERR_UNKNOWN_VERSION'],
      [3, 4, 'ERR_MALFORMED'],
      [3, 1, 'ERR_MALFORMED'], // initiating, without a prefix
    ]
    for (const [at, value, code] of changes) {
      const changed = bytes.slice()
      changed[at] = value
      expect(refusal(() => decodeSession(changed, []))).toBe(`DecodeError ${code}`)
    }
    const short = { ...session, associatedData: session.associatedData.slice(1) }
    expect(refusal(() => decodeSession(encodeSession(short), []))).toBe('DecodeError ERR_MALFORMED')
  })

  test('is below 1 174 bytes after a few turns', () => {
    const { ours, theirs } = acquainted()
    for (let i = 0; i < 10; i += 1) {
      theirs.receive(ours.send())
      ours.receive(theirs.send())
    }
    expect(encodeSession(ours.session).length).toBeLessThan(1174)
  })
})

describe('the records beside it', () => {
  test('come back in any order and make the same session', () => {
    const { session, records } = withRecords()
    expect(new Set(records.map(({ kind }) => kind))).toEqual(new Set(['skipped', 'chain', 'marks']))
    const encoded = records.map(encodeSkippedKey)
    const again = decodeSession(encodeSession(session), encoded.toReversed())
    expect(again).toEqual(session)
    expect(recordsOf(again).map(encodeSkippedKey)).toEqual(encoded)
  })

  test('hold both keys of a position that may be of either of two epochs', () => {
    const { session } = acquainted().ours
    const [bodyKey, nextBodyKey] = [1, 2].map((byte) =>
      importSecret('BodyKey', new Uint8Array(32).fill(byte)),
    )
    const at = { kind: 'skipped', chain: 3, number: 4, epoch: 5, skippedAt: 6 } as const
    for (const record of [
      { ...at, bodyKey: there(bodyKey), nextBodyKey: undefined },
      { ...at, bodyKey: there(bodyKey), nextBodyKey: there(nextBodyKey) },
    ]) {
      const again = decodeSession(encodeSession(session), [encodeSkippedKey(record)])
      expect(again.ratchet.skipped).toEqual([record])
      expect(again.ratchet.skipped.map(encodeSkippedKey)).toEqual([encodeSkippedKey(record)])
    }
  })

  test('have names that sort by kind and place', () => {
    expect(skippedKeyName({ kind: 'skipped', chain: 1, number: 255 })).toBe('k00000001-000000ff')
    expect(skippedKeyName({ kind: 'marks', chain: 16, number: 32 })).toBe('m00000010-00000020')
    expect(skippedKeyName({ kind: 'chain', chain: 2 })).toBe('c00000002')
    const names = withRecords().records.map(skippedKeyName)
    expect(new Set(names).size).toBe(names.length)
  })

  test('are refused when a byte is missing or added, twice, or with wrong counts', () => {
    const { session, records } = withRecords()
    const stored = encodeSession(session)
    for (const kind of ['skipped', 'chain', 'marks']) {
      const record = there(records.find((one) => one.kind === kind))
      const bytes = encodeSkippedKey(record)
      expectExact(bytes, (changed) => decodeSession(stored, [changed]))
      expect(refusal(() => decodeSession(stored, [bytes, bytes]))).toBe('DecodeError ERR_MALFORMED')
      const newer = bytes.slice()
      newer[1] = 2
      expect(refusal(() => decodeSession(stored, [newer]))).toBe('DecodeError ERR_UNKNOWN_VERSION')
    }
    const marks = there(records.find((record) => record.kind === 'marks'))
    const wrong = [
      { ...marks, present: 0 },
      { ...marks, present: 0, digests: [] },
      { ...marks, number: 1 },
      { ...marks, digests: [...marks.digests, new Uint8Array(16)] },
    ]
    for (const record of wrong) {
      expect(refusal(() => decodeSession(stored, [encodeSkippedKey(record)]))).toBe(
        'DecodeError ERR_MALFORMED',
      )
    }
  })

  test('are what the store holds after any course', () => {
    const { ours, theirs } = acquainted(false)
    for (let i = 0; i < 120; i += 1) {
      const lost = i % 3 === 0 && ours.send()
      theirs.receive(ours.send())
      if (i % 20 === 0) ours.receive(theirs.send())
      if (lost !== false && i % 2 === 0) theirs.receive(lost)
    }
    const names = recordsOf(theirs.session).map(skippedKeyName)
    expect(theirs.recordNames().toSorted()).toEqual(names.toSorted())
    const before = theirs.session
    theirs.restart()
    expect(theirs.session).toEqual(before)
    expect(toHex(encodeSession(theirs.session))).toBe(toHex(encodeSession(before)))
  })
})

/** The session with a changed state, which must be in this phase. */
function changed<Phase extends PostQuantum['phase']>(
  session: Session,
  phase: Phase,
  change: (state: Extract<PostQuantum, { phase: Phase }>) => PostQuantum,
): Session {
  const { postQuantum } = session
  if (!isIn(postQuantum, phase)) throw new Error(postQuantum.phase)
  return { ...session, postQuantum: change(postQuantum) }
}

function isIn<Phase extends PostQuantum['phase']>(
  state: PostQuantum,
  phase: Phase,
): state is Extract<PostQuantum, { phase: Phase }> {
  return state.phase === phase
}

function withRecords(): { readonly session: Session; readonly records: readonly KeptRecord[] } {
  const { ours, theirs } = acquainted()
  for (let i = 0; i < 40; i += 1) {
    if (i % 5 === 0) ours.send()
    theirs.receive(ours.send())
  }
  ours.receive(theirs.send())
  theirs.receive(ours.send())
  return { session: theirs.session, records: recordsOf(theirs.session) }
}

/** Everything that stands beside a session's own record. */
function recordsOf({ ratchet }: Session): readonly KeptRecord[] {
  return [...ratchet.skipped, ...ratchet.retired, ...ratchet.marks.slice(0, -1)]
}
