/** Epochs and the parts that lead to them: docs/protocol.md, "Epochs" and "Post-quantum ratchet". */
import { Layout, type Random, same, join, repeated, u32 } from './bytes.ts'
import type { Item } from './envelope.ts'
import { checkKem, decapsulate, encapsulate, kemPair } from './primitives.ts'
import { DAY } from './records.ts'
import { type EpochKeys, expandEpoch, kemKeyHash, stepEpoch } from './schedule.ts'

const HOUR = 3_600_000
const OFFER = 1
const ANSWER = 2
const MESSAGES_AN_EPOCH = 50

/** A part of ours and how it has travelled. */
interface Part {
  readonly item: Item
  /** How often it has ridden. */
  rode: number
  /** Messages since it last rode. */
  since: number
  lastAt: number
  /** It has to go with the next message that has room. */
  due: boolean
  /** Since it first rode: when that was, and how many messages were sent and opened. */
  firstAt: number
  messages: number
  /** Sending chains that it has ridden in and the other side has answered; whether it has ridden in this one. */
  answeredChains: number
  rodeInChain: boolean
}

export interface PostQuantum {
  /** e, the receive epoch. */
  epoch: number
  state: 'idle' | 'offering' | 'answered' | 'switched'
  keys: EpochKeys
  /** Keys of e + 1, in `answered` and `switched`. */
  next: EpochKeys | undefined
  enteredAt: number
  /** Messages sent and opened since. */
  messages: number
  part: Part | undefined
  /** Of the key offered, in `offering`. */
  seed: Uint8Array | undefined
  /** hk of the key under way. */
  keyHash: Uint8Array | undefined
  /** The ciphertext taken, in `switched`. */
  ciphertext: Uint8Array | undefined
}

/** `idle(e)` */
export function idle(epoch: number, keys: EpochKeys, enteredAt: number): PostQuantum {
  return {
    ...{ epoch, state: 'idle', keys, next: undefined, enteredAt, messages: 0 },
    ...{ part: undefined, seed: undefined, keyHash: undefined, ciphertext: undefined },
  }
}

export function sendingEpoch({ epoch, state }: PostQuantum): number {
  return state === 'switched' ? epoch + 1 : epoch
}

export function keysOf({ epoch, keys, next }: PostQuantum, e: number): EpochKeys | undefined {
  if (e === epoch) return keys
  return e === epoch + 1 ? next : undefined
}

/** Whether `direction` offers the key of epoch `e`: odd ones by the responder, even ones by the initiator. */
function offers(e: number, direction: 1 | 2): boolean {
  return (e % 2 === 1) === (direction === 2)
}

/** What should ride in the message that is sent now; makes the offer where it is time for one. */
export function partToRide(
  pq: PostQuantum,
  direction: 1 | 2,
  isFirstOfChain: boolean,
  now: number,
  random: Random,
): Item | undefined {
  const { state, epoch, messages, enteredAt } = pq
  const isTime = epoch === 0 || messages >= MESSAGES_AN_EPOCH || now - enteredAt >= DAY
  if (state === 'idle' && offers(epoch + 1, direction) && isTime) return newOffer(pq, now, random)
  const { part } = pq
  if (part === undefined) return undefined
  const isTurn = part.rode === 0 || part.since + 1 >= 2 ** (part.rode - 1)
  part.due ||= isTurn || isFirstOfChain || now - part.lastAt >= HOUR
  return part.due ? part.item : undefined
}

function newOffer(pq: PostQuantum, now: number, random: Random): Item {
  const target = pq.epoch + 1
  const { secret: seed, public: key } = kemPair(random(64))
  const item = { kind: OFFER, value: join(u32(target), key) }
  pq.state = 'offering'
  pq.seed = seed
  pq.keyHash = kemKeyHash(target, key)
  pq.part = newPart(item, now)
  return item
}

function newPart(item: Item, now: number): Part {
  return {
    ...{ item, rode: 0, since: 0, lastAt: now, due: true },
    ...{ firstAt: now, messages: 0, answeredChains: 0, rodeInChain: false },
  }
}

/** A message was sent, with the part or without. */
export function noteSent(pq: PostQuantum, withPart: boolean, now: number): void {
  pq.messages += 1
  const { part } = pq
  if (part === undefined) return
  if (part.rode > 0) part.messages += 1
  part.since = withPart ? 0 : part.since + 1
  if (!withPart) return
  if (part.rode === 0) part.firstAt = now
  part.rode += 1
  part.lastAt = now
  part.due = false
  part.rodeInChain = true
}

/** "Stalled healing": the other side hears us and does not take part. */
export function isStalled({ part }: PostQuantum, now: number): boolean {
  if (part === undefined || part.answeredChains < 8) return false
  return part.messages >= 200 || now - part.firstAt >= 7 * DAY
}

/** A message of epoch `e` has opened, and turned the ratchet or not: moves if it is the first of the next one. */
export function noteOpened(pq: PostQuantum, e: number, turned: boolean, now: number): void {
  if (e === pq.epoch + 1 && pq.next !== undefined) {
    Object.assign(pq, idle(e, pq.next, now))
    return
  }
  pq.messages += 1
  const { part } = pq
  if (part === undefined) return
  if (part.rode > 0) part.messages += 1
  if (turned && part.rodeInChain) part.answeredChains += 1
  if (turned) part.rodeInChain = false
}

export type Saying = 'malformed' | 'diverged'

/** Who we are in the session whose parts are handled. */
interface Side {
  readonly direction: 1 | 2
  readonly sessionId: Uint8Array
  readonly random: Random
  readonly now: number
}

/** Handles the parts of a message of epoch `e`, the offer first, and tells what is to be said of them. */
export function handleParts(
  pq: PostQuantum,
  e: number,
  items: readonly Item[],
  side: Side,
): readonly Saying[] {
  return [OFFER, ANSWER].flatMap((kind) => {
    const part = items.find((one) => one.kind === kind)
    if (part === undefined) return []
    if (!isWellFormed(part, e)) return ['malformed']
    if (e !== pq.epoch) return []
    const rest = part.value.slice(4)
    return kind === OFFER ? takeOffer(pq, rest, side) : takeAnswer(pq, rest, side)
  })
}

function isWellFormed({ kind, value }: Item, e: number): boolean {
  const layout = new Layout(value)
  if (layout.int(4) !== e + 1) return false
  if (kind === ANSWER) return same(value.slice(-64), repeated(0, 64))
  try {
    checkKem(value.slice(4))
    return true
  } catch {
    return false
  }
}

function takeOffer(pq: PostQuantum, key: Uint8Array, side: Side): readonly Saying[] {
  const target = pq.epoch + 1
  if (offers(target, side.direction)) return ['diverged']
  const keyHash = kemKeyHash(target, key)
  if (pq.keyHash !== undefined) return same(pq.keyHash, keyHash) ? [] : ['diverged']
  const { ciphertext, secret } = encapsulate(key, side.random(32))
  pq.next = step(pq, { secret, keyHash, ciphertext, sessionId: side.sessionId })
  pq.keyHash = keyHash
  pq.state = 'answered'
  const value = join(u32(target), keyHash, ciphertext, repeated(0, 64))
  pq.part = newPart({ kind: ANSWER, value }, side.now)
  return []
}

function takeAnswer(pq: PostQuantum, value: Uint8Array, side: Side): readonly Saying[] {
  const [keyHash, ciphertext] = [value.slice(0, 32), value.slice(32, -64)]
  const isOurs = pq.keyHash !== undefined && same(pq.keyHash, keyHash)
  if (!isOurs || pq.state === 'answered') return ['diverged']
  if (pq.ciphertext !== undefined) return same(pq.ciphertext, ciphertext) ? [] : ['diverged']
  if (pq.seed === undefined) return ['diverged']
  const secret = decapsulate(pq.seed, ciphertext)
  pq.next = step(pq, { secret, keyHash, ciphertext, sessionId: side.sessionId })
  pq.ciphertext = ciphertext
  pq.state = 'switched'
  pq.seed = undefined
  pq.part = undefined
  return []
}

function step(pq: PostQuantum, agreed: Parameters<typeof stepEpoch>[2]): EpochKeys {
  return expandEpoch(stepEpoch(pq.keys, pq.epoch + 1, agreed))
}
