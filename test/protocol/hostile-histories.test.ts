/**
 * Random histories of an honest victim and a contact that is now honest and now not: what is honest always opens, what is not
 * changes nothing, and nothing grows beyond its limit. `SLOW=1`: 400 histories of 400 events.
 */
import { beforeAll, expect, test } from 'vitest'
import { equalBytes } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { DecodeError } from '../../protocol/errors.ts'
import type { RatchetHeader, RatchetPublicKey } from '../../protocol/header.ts'
import { Dice } from '../campaign/dice.ts'
import { mutateBytes } from '../campaign/mutate.ts'
import { expectBounded, forged, imageOf } from '../support/hostile.ts'
import { HOUR } from '../make-vectors/people.ts'
import { acquainted } from '../support/talkers.ts'
import type { Talker } from '../support/talkers.ts'

beforeAll(() => ready)

const isSlow = typeof process !== 'undefined' && process.env['SLOW'] === '1'
const [HISTORIES, EVENTS] = isSlow ? [400, 400] : [6, 120]

interface History {
  readonly dice: Dice
  readonly hostile: Talker
  readonly victim: Talker
  /** Honest messages under way, by whom they are for. */
  readonly toVictim: Uint8Array[]
  readonly toHostile: Uint8Array[]
  /** What the victim has opened. */
  readonly opened: Uint8Array[]
}

type Event = (history: History) => void

const EVENT_KINDS: readonly Event[] = [
  ({ hostile, toVictim }) => toVictim.push(hostile.send()),
  ({ hostile, toVictim }) => toVictim.push(hostile.send()),
  ({ victim, toHostile }) => toHostile.push(victim.send()),
  ({ victim, toHostile }) => toHostile.push(victim.send()),
  deliver,
  deliver,
  ({ dice, hostile, toHostile }) => {
    const message = takeOne(toHostile, dice)
    if (message !== undefined) expect(hostile.receive(message)).toBe('opened')
  },
  ({ dice, toVictim, toHostile }) => takeOne(dice.onceIn(2) ? toVictim : toHostile, dice), // lost
  ({ dice, hostile, victim }) => {
    for (const one of [hostile, victim]) one.now += dice.below(8) * HOUR
  },
  ({ victim }) => victim.restart(),
  repeat,
  mutate,
  forge,
  forge,
]

function deliver({ dice, victim, toVictim, opened }: History): void {
  const message = takeOne(toVictim, dice)
  if (message === undefined) return
  expect(victim.receive(message)).toBe('opened')
  opened.push(message)
}

function takeOne(messages: Uint8Array[], dice: Dice): Uint8Array | undefined {
  return messages.splice(dice.below(messages.length), 1)[0]
}

/** Something opened comes again. Where its chain is long gone, nobody knows it any more. */
function repeat({ dice, victim, opened }: History): void {
  if (opened.length === 0) return
  expectNoChange(victim, dice.pick(opened), /^ERR_(DUPLICATE|NO_SESSION)$/)
}

function mutate({ dice, victim, toVictim, opened }: History): void {
  const known = [...toVictim, ...opened]
  if (known.length === 0) return
  const changed = mutateBytes(dice.pick(known), dice, known)
  if (known.some((one) => equalBytes(one, changed))) return
  expectNoChange(victim, changed, /^(ERR_(NO_SESSION|NOT_AUTHENTIC|UNKNOWN_PREKEY)|bytes)$/)
}

/** A header of chance under the right key, before a body that is none. */
function forge({ dice, hostile, victim }: History): void {
  const { receiving, ratchetKeyPair, sending } = victim.session.ratchet
  const keys: Uint8Array[] = [ratchetKeyPair.publicKey, new Uint8Array(32), dice.bytes(32)]
  if (receiving !== undefined) keys.push(receiving.theirRatchetKey)
  const number = (near: number): number => {
    const edge = Number(BigInt.asUintN(32, dice.edge()))
    return dice.pick([near, near + dice.below(5), edge, 4000, 4001])
  }
  const header: Partial<RatchetHeader> = {
    ...(dice.onceIn(3) ? { ratchetKey: dice.pick(keys) as RatchetPublicKey } : {}),
    ...(dice.onceIn(2) ? { number: number(receiving?.nextToReceive ?? 0) } : {}),
    ...(dice.onceIn(3) ? { previousChainLength: number(sending.nextToSend) } : {}),
    ...(dice.onceIn(4) ? { epoch: number(victim.session.postQuantum.epoch.number) } : {}),
  }
  const envelope = forged(hostile.session, header, (length) => dice.bytes(length))
  expectNoChange(victim, envelope, /^ERR_(NOT_AUTHENTIC|TOO_FAR_AHEAD|DIVERGED|LIMIT|NO_SESSION)$/)
}

function expectNoChange(victim: Talker, envelope: Uint8Array, codes: RegExp): void {
  const before = imageOf(victim)
  expect(verdictOf(victim, envelope)).toMatch(codes)
  expect(imageOf(victim)).toEqual(before)
}

function verdictOf(victim: Talker, bytes: Uint8Array): string {
  try {
    return victim.receive(bytes)
  } catch (error) {
    if (error instanceof DecodeError) return 'bytes'
    throw error
  }
}

test.each(Array.from({ length: HISTORIES }, (_, i) => i))(
  'history %i',
  (seed) => {
    const dice = new Dice(`hostile history ${seed}`)
    const { ours: hostile, theirs: victim } = acquainted(false)
    const history = { dice, hostile, victim, toVictim: [], toHostile: [], opened: [] }
    for (let i = 0; i < EVENTS; i += 1) dice.pick(EVENT_KINDS)(history)
    while (history.toVictim.length > 0) deliver(history)
    expectBounded(victim)
    expect(victim.receive(hostile.send())).toBe('opened')
    expect(hostile.receive(victim.send())).toBe('opened')
    expect(victim.inbox).toHaveLength(history.opened.length + 1)
  },
  120_000,
)
