/**
 * A contact who has all keys of a session and means harm: whatever it sends costs bounded time and memory, and the session goes
 * on. `SLOW=1` runs the long versions.
 */
import { beforeAll, describe, expect, test } from 'vitest'
import { concat, u16, u32, u8, utf8 } from '../../protocol/bytes.ts'
import { kdfChainKey } from '../../protocol/chain.ts'
import { ready } from '../../protocol/crypto.ts'
import { SESSION_PREFIX } from '../../protocol/envelope.ts'
import { DecodeError } from '../../protocol/errors.ts'
import type { RatchetHeader, RatchetPublicKey } from '../../protocol/header.ts'
import { MAX_JUMP } from '../../protocol/ratchet-decrypt.ts'
import { MAX_IDLE_CHAINS } from '../../protocol/ratchet-records.ts'
import { MAX_NUMBER } from '../../protocol/ratchet.ts'
import type { Session } from '../../protocol/session.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { MAX_SKIPPED_KEYS } from '../../protocol/skipped-keys.ts'
import { expectBounded, forged, imageOf } from '../support/hostile.ts'
import { seededRandom } from '../support/random.ts'
import type { Talker } from '../support/talkers.ts'
import { acquainted, there } from '../support/talkers.ts'

beforeAll(() => ready)

const isSlow = typeof process !== 'undefined' && process.env['SLOW'] === '1'
const random = seededRandom('hostile contact')

/** A hostile side and its victim, in a session that both have used. */
function meeting() {
  const { ours: hostile, theirs: victim } = acquainted(false)
  return { hostile, victim }
}

function expectGoesOn(hostile: Talker, victim: Talker): void {
  expect(victim.receive(hostile.send())).toBe('opened')
  expect(hostile.receive(victim.send())).toBe('opened')
  expect(victim.receive(hostile.send())).toBe('opened')
}

const key = (...bytes: readonly number[]): RatchetPublicKey => {
  const all = new Uint8Array(32)
  all.set(bytes)
  return all as RatchetPublicKey
}

const ENDS = { previousChainLength: 0xffff_ffff, number: MAX_NUMBER }
const FAR = 'ERR_TOO_FAR_AHEAD'
const FORGED = 'ERR_NOT_AUTHENTIC'

describe.each(['in the current chain', 'in the next chain'])('a header %s', (place) => {
  const isNext = place === 'in the next chain'

  /** Hostile side in a chain that the victim has opened something of, or has not yet. */
  function stage() {
    const { hostile, victim } = meeting()
    expect(victim.receive(hostile.send())).toBe('opened')
    if (isNext) expect(hostile.receive(victim.send())).toBe('opened')
    return { hostile, victim }
  }

  const headers: Readonly<
    Record<string, readonly [(victim: Talker) => Partial<RatchetHeader>, string, string?]>
  > = {
    'with N = 2^32 - 1': [() => ({ number: MAX_NUMBER + 1 }), FORGED],
    'with N = 2^32 - 2': [() => ({ number: MAX_NUMBER }), FAR],
    'with N beyond the longest jump': [() => ({ number: MAX_JUMP + 3 }), FAR],
    'with N at the end of the longest jump': [() => ({ number: MAX_JUMP }), FORGED],
    'with PN = 2^32 - 1': [() => ({ previousChainLength: 0xffff_ffff }), FORGED, FAR],
    'with PN = 2^31': [() => ({ previousChainLength: 2 ** 31 }), FORGED, FAR],
    'with PN and N at their ends': [() => ENDS, FORGED, FAR],
    'with PN = 0': [() => ({ previousChainLength: 0 }), FORGED],
    'of the last epoch': [() => ({ epoch: 0xffff_ffff }), FORGED],
    'with no ratchet key, but zeros': [() => ({ ratchetKey: key() }), FORGED],
    'with the ratchet key 1': [() => ({ ratchetKey: key(1) }), FORGED],
    'with a ratchet key that is not canonical': [
      () => ({ ratchetKey: key(...new Uint8Array(31).fill(0xff), 0x7f) }),
      FORGED,
    ],
    'with a ratchet key that has its top bit set': [
      () => ({ ratchetKey: key(...new Uint8Array(31).fill(9), 0x89) }),
      FORGED,
    ],
    'with the victim’s own ratchet key': [
      ({ session }) => {
        const { publicKey } = session.ratchet.ratchetKeyPair
        return { ratchetKey: publicKey as Uint8Array as RatchetPublicKey }
      },
      FORGED,
    ],
    'with the ratchet key of the chain before': [
      ({ session }) => ({ ratchetKey: there(session.ratchet.receiving).theirRatchetKey }),
      FORGED,
    ],
    'with nothing wrong, and a body that is': [() => ({}), FORGED],
  }

  test.each(Object.entries(headers))(
    '%s changes nothing',
    (_, [header, current, next = current]) => {
      const { hostile, victim } = stage()
      const before = imageOf(victim)
      const envelope = forged(hostile.session, header(victim), random)
      expect(victim.receive(envelope)).toBe(isNext ? next : current)
      expect(imageOf(victim)).toEqual(before)
      expectGoesOn(hostile, victim)
    },
  )
})

describe('a contact that takes the same ratchet keys again', () => {
  /** Draws for keys repeat after so many. */
  function repeating(count: number): Talker['random'] {
    const keys = Array.from({ length: count }, () => random(32))
    let drawn = 0
    return (length) => (length === 32 ? there(keys[drawn++ % count]).slice() : random(length))
  }

  test('one and the same: its next chain is refused, and the victim can still speak', () => {
    const { hostile, victim } = meeting()
    Object.assign(hostile, { random: repeating(1) })
    for (let i = 0; i < 2; i += 1) {
      expect(victim.receive(hostile.send())).toBe('opened')
      expect(hostile.receive(victim.send())).toBe('opened')
    }
    const before = imageOf(victim)
    expect(victim.receive(hostile.send())).toBe(FORGED)
    expect(imageOf(victim)).toEqual(before)
    expect(hostile.receive(victim.send())).toBe('opened')
  })

  test('two by turns: harms only itself', () => {
    const { hostile, victim } = meeting()
    Object.assign(hostile, { random: repeating(2) })
    for (let i = 0; i < 20; i += 1) {
      expect(hostile.receive(victim.send())).toBe('opened')
      expect(victim.receive(hostile.send())).toBe('opened')
    }
    expectBounded(victim)
  })
})

test('garbage opens nothing, changes nothing, and does not stop the chat', () => {
  const { hostile, victim } = meeting()
  const count = isSlow ? 100_000 : 2000
  const real = hostile.send()
  const { signedPrekey, kemPrekey } = victim.person
  const noPair = concat(u8(0), u32(0))
  const rest = (): Uint8Array => concat(random(32 + 1088), u16(374), random(374 + 356))
  const kinds: readonly ((i: number) => Uint8Array)[] = [
    (i) => random(i % 700),
    () => concat(SESSION_PREFIX, random(356)),
    (i) => concat(real.subarray(0, 2 + (i % 300)), random(real.length - 2 - (i % 300))),
    (i) => concat(real.subarray(0, 26), random(332 + (i % 40))),
    () => concat(u8(1), u8(2), random(8), noPair, rest()),
  ]
  const before = imageOf(victim)
  const seen = new Set<string>()
  for (let i = 0; i < count; i += 1) seen.add(verdictOf(victim, there(kinds[i % 5])(i)))
  // With prekeys that are ours, each costs a handshake.
  const ids = concat(u32(signedPrekey.id), u32(kemPrekey.id))
  const handshake = (): Uint8Array => concat(u8(1), u8(2), ids, noPair, rest())
  for (let i = 0; i < count / 100; i += 1) seen.add(verdictOf(victim, handshake()))
  expect([...seen].toSorted()).toEqual([
    ...['ERR_NOT_AUTHENTIC', 'ERR_NO_SESSION', 'ERR_UNKNOWN_PREKEY', 'bytes'],
  ])
  expect(imageOf(victim)).toEqual(before)
  expect(victim.receive(real)).toBe('opened')
  expectGoesOn(hostile, victim)
}, 600_000)

function verdictOf(victim: Talker, bytes: Uint8Array): string {
  try {
    return victim.receive(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return 'bytes'
    throw error
  }
}

describe('losses', () => {
  test('of ten thousand messages over a long chat are forgotten, the oldest first', () => {
    const { hostile, victim } = meeting()
    const lost: Uint8Array[] = []
    for (let turn = 0; turn < 200; turn += 1) {
      for (let i = 0; i < 50; i += 1) lost.push(hostile.send(undefined, `lost ${lost.length}`))
      expect(victim.receive(hostile.send())).toBe('opened')
      expect(hostile.receive(victim.send())).toBe('opened')
      if (turn % 67 === 66) victim.restart()
    }
    expect(lost).toHaveLength(10_000)
    expectBounded(victim)
    expect(victim.session.ratchet.skipped).toHaveLength(MAX_SKIPPED_KEYS)
    const codes = [0, 5999, 6001, 9999].map((i) => victim.receive(there(lost[i])))
    // Of the very first nothing is known any more, not even its chain's header keys.
    expect(codes).toEqual(['ERR_NO_SESSION', 'ERR_NO_SESSION', 'opened', 'opened'])
    expect(victim.inbox.slice(-2)).toEqual(['lost 6001', 'lost 9999'])
    expectGoesOn(hostile, victim)
    expectBounded(victim)
  }, 120_000)

  test('of chains that nothing is missing of cost the newest of them only', () => {
    const { hostile, victim } = meeting()
    for (let turn = 0; turn < MAX_IDLE_CHAINS + 20; turn += 1) expectGoesOn(hostile, victim)
    expect(victim.session.ratchet.retired).toHaveLength(MAX_IDLE_CHAINS)
    expectBounded(victim)
  })

  test('claimed by jumps as long as they may be cost no more than the last of them', () => {
    const { hostile, victim } = meeting()
    const jumps = isSlow ? 100 : 4
    let { session } = hostile
    for (let i = 0; i < jumps; i += 1) {
      const sent = encryptMessage(ahead(session, MAX_JUMP), utf8(`jump ${i}`), hostile)
      expect(victim.receive(sent.envelope)).toBe('opened')
      session = sent.next
      expectBounded(victim)
    }
    expect(victim.inbox.slice(-2)).toEqual([`jump ${jumps - 2}`, `jump ${jumps - 1}`])
    hostile.sessions = [session]
    expectGoesOn(hostile, victim)
  }, 600_000)

  test('claimed by long jumps before bodies that do not open leave nothing behind', () => {
    const { hostile, victim } = meeting()
    const before = imageOf(victim)
    const tries = isSlow ? 200 : 8
    for (let i = 0; i < tries; i += 1) {
      expect(victim.receive(forged(hostile.session, { number: MAX_JUMP - i }, random))).toBe(FORGED)
    }
    expect(imageOf(victim)).toEqual(before)
    expectGoesOn(hostile, victim)
  })
})

/** The session of a sender that has sent so many messages which nobody will see. */
function ahead(session: Session, count: number): Session {
  const { sending } = session.ratchet
  let { chainKey } = sending
  for (let i = 0; i < count; i += 1) [chainKey] = kdfChainKey(chainKey)
  const next = { ...sending, chainKey, nextToSend: sending.nextToSend + count }
  return { ...session, ratchet: { ...session.ratchet, sending: next } }
}

test('a chain ends with its last number, and the chat goes on in the next', () => {
  const { hostile, victim } = meeting()
  expect(victim.receive(hostile.send())).toBe('opened')
  // As if all numbers but one had been used on both sides.
  const { ratchet } = hostile.session
  const sending = { ...ratchet.sending, nextToSend: MAX_NUMBER }
  hostile.sessions = [{ ...hostile.session, ratchet: { ...ratchet, sending } }]
  const theirs = victim.session
  const receiving = { ...there(theirs.ratchet.receiving), nextToReceive: MAX_NUMBER }
  victim.sessions = [{ ...theirs, ratchet: { ...theirs.ratchet, receiving } }]

  const last = hostile.send()
  expect(victim.receive(last)).toBe('opened')
  expect(() => hostile.send()).toThrow('ERR_LIMIT')
  expect(victim.receive(last)).toBe('ERR_DUPLICATE')
  victim.restart()
  expect(hostile.receive(victim.send())).toBe('opened')
  hostile.restart()
  expectGoesOn(hostile, victim)
})
