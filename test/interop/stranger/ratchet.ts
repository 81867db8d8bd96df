/** Sealing and opening in a session: docs/protocol.md, "Double Ratchet", "Message keys", "Limits of a session". */
import { Layout, type Random, Refusal, allAs, ascii, demand, join, same, u32 } from './bytes.ts'
import * as envelopes from './envelope.ts'
import { seal, unseal } from './primitives.ts'
import { DAY } from './records.ts'
import {
  type Saying,
  handleParts,
  keysOf,
  noteOpened,
  noteSent,
  partToRide,
  sendingEpoch,
} from './post-quantum.ts'
import { type HeaderKeys, kdfChain, makeSalt, messageKeys } from './schedule.ts'
import { type ReceivingChain, type Session, turn } from './session.ts'

const LAST = 2 ** 32 - 1
const MAX_PASSED = 4000
const MAX_SKIPPED = 4000
const HOUR = 3_600_000
const MAX_ENVELOPE = 128 * 1024

interface Header {
  readonly key: Uint8Array
  readonly previous: number
  readonly n: number
  readonly e: number
}

/** Where a tag has matched. */
interface Place {
  readonly kind: 'current' | 'next' | 'retired'
  readonly chain: number
  readonly keys: HeaderKeys
  /** Positions below were passed. */
  readonly passed: number
}

export interface Opened {
  readonly content: Uint8Array
  readonly items: readonly envelopes.Item[]
  /** What is to be said of the parts beside the content. */
  readonly said: readonly Saying[]
}

/** What sealing and opening need from the world. */
export interface World {
  readonly now: number
  readonly random: Random
}

/** The next envelope of the session, which moves on. */
export function sealMessage(
  session: Session,
  content: Uint8Array,
  world: World,
  items: readonly envelopes.Item[] = [],
): Uint8Array {
  const { sending, pq } = session
  demand(sending !== undefined && !session.receiveOnly, 'ERR_NO_SESSION')
  const draft = structuredClone(pq)
  const isFirst = sending.next === 0
  const part = partToRide(draft, session.direction, isFirst, world.now, world.random)
  const riding = part === undefined ? undefined : envelopes.writeBody(content, [...items, part])
  const prefix = session.prefix ?? envelopes.SESSION_PREFIX
  const fits = riding !== undefined && prefix.length + 100 + riding.length <= MAX_ENVELOPE
  const padded = fits ? riding : envelopes.writeBody(content, items)
  const envelope = sealPadded(session, padded, world.random)
  // An offer that found no room is not made yet; an answer waits.
  if (fits || draft.state === pq.state) session.pq = draft
  noteSent(session.pq, fits, world.now)
  return envelope
}

/** The same for a body that was padded already, rightly or not. */
export function sealPadded(session: Session, padded: Uint8Array, random: Random): Uint8Array {
  const { sending } = session
  demand(sending !== undefined, 'ERR_NO_SESSION')
  demand(sending.next < LAST, 'ERR_LIMIT')
  const e = sendingEpoch(session.pq)
  const step = kdfChain(sending.chain)
  const header = join(session.ratchet.public, u32(sending.previous), u32(sending.next), u32(e))
  const keys = messageKeys(step.message, epochKey(session, e, 'ours'), e, sending.next)
  const salt = makeSalt(keys.salt, random(16), header, padded)
  const prefix = session.prefix ?? envelopes.SESSION_PREFIX
  const sealedHeader = seal(sending.keys.seal, salt, headerData(prefix), header)
  const body = seal(keys.body, salt, bodyData(session, { prefix, salt, sealedHeader }), padded)
  const envelope = envelopes.writeEnvelope(sending.keys.tag, { prefix, salt, sealedHeader, body })
  sending.chain = step.chain
  sending.next += 1
  return envelope
}

/** Opens an envelope; the session changes only if its body opened. */
export function openMessage(session: Session, bytes: Uint8Array, world: World): Opened {
  const { now } = world
  const envelope = envelopes.readEnvelope(bytes)
  const draft = structuredClone(session)
  const place = findPlace(draft, envelope)
  demand(place !== undefined, 'ERR_NO_SESSION')
  checkFailures(draft, now)
  try {
    const opened = openAt(draft, place, envelope, world)
    Object.assign(session, draft, { prefix: undefined, failed: [], failedSinceOpened: 0 })
    return opened
  } catch (cause) {
    if (cause instanceof Refusal && cause.code === 'ERR_NOT_AUTHENTIC') {
      session.failed = [...session.failed.filter((at) => at > now - HOUR), now]
      session.failedSinceOpened += 1
    }
    throw cause
  }
}

/** Whether some chain of the session has made the tag. */
export function isFor(session: Session, bytes: Uint8Array): boolean {
  return findPlace(session, envelopes.readEnvelope(bytes)) !== undefined
}

function checkFailures(session: Session, now: number): void {
  const recent = session.failed.filter((at) => at > now - HOUR)
  demand(recent.length < 8 && session.failedSinceOpened < 200, 'ERR_LIMIT')
}

function findPlace(session: Session, envelope: envelopes.Envelope): Place | undefined {
  return places(session).find(({ keys }) =>
    same(envelopes.makeTag(keys.tag, envelope.salt, envelope.digest), envelope.tag),
  )
}

function places(session: Session): readonly Place[] {
  const { receiving, nextReceiving, retired } = session
  const next: Place = {
    ...{ kind: 'next', chain: (receiving?.id ?? 0) + 1, keys: nextReceiving, passed: 0 },
  }
  const old = retired.toReversed().map((one): Place => {
    return { kind: 'retired', chain: one.id, keys: one.keys, passed: one.length }
  })
  if (receiving === undefined) return [next, ...old]
  const { id, keys, next: passed } = receiving
  return [{ kind: 'current', chain: id, keys, passed }, next, ...old]
}

function openAt(
  session: Session,
  place: Place,
  envelope: envelopes.Envelope,
  world: World,
): Opened {
  const header = openHeader(place, envelope)
  checkHeader(session, place, header)
  forgetOldKeys(session, world.now)
  const bodyKey =
    header.n < place.passed
      ? passedKey(session, place, header, envelope)
      : freshKey(session, place, header, world)
  const padded = unseal(bodyKey, envelope.salt, bodyData(session, envelope), envelope.body)
  const body = envelopes.readBody(padded)
  session.skipped.delete(`${place.chain}/${header.n}`)
  session.marks.set(`${place.chain}/${header.n}`, envelope.digest.slice(0, 16))
  forgetChains(session)
  const turned = place.kind === 'next' // a position of the next chain was never passed
  noteOpened(session.pq, header.e, turned, world.now)
  const { content, items } = body
  const side = { direction: session.direction, sessionId: session.id, ...world }
  const parts = session.receiveOnly ? [] : handleParts(session.pq, header.e, items, side)
  const said = new Set(body.malformed ? ['malformed' as const, ...parts] : parts)
  return { content, items, said: [...said] }
}

function openHeader(place: Place, envelope: envelopes.Envelope): Header {
  const { salt, prefix, sealedHeader } = envelope
  const layout = new Layout(unseal(place.keys.seal, salt, headerData(prefix), sealedHeader))
  const key = layout.take(32)
  return { key, previous: layout.int(4), n: layout.int(4), e: layout.int(4) }
}

function checkHeader(session: Session, place: Place, header: Header): void {
  const { receiving, theirKey } = session
  const sameKey = theirKey !== undefined && same(header.key, theirKey)
  const fits = {
    current: () => sameKey && header.previous === receiving?.previous,
    next: () => !sameKey && header.previous >= (receiving?.next ?? 0),
    retired: () => header.n < place.passed,
  }
  demand(header.n < LAST && fits[place.kind](), 'ERR_NOT_AUTHENTIC')
}

/** Key of a position that was passed: kept, opened, or gone. */
function passedKey(
  session: Session,
  place: Place,
  { n, e }: Header,
  envelope: envelopes.Envelope,
): Uint8Array {
  const kept = session.skipped.get(`${place.chain}/${n}`)
  if (kept !== undefined) {
    const body = kept.bodies.get(e)
    demand(body !== undefined, 'ERR_NOT_AUTHENTIC')
    return body
  }
  const mark = session.marks.get(`${place.chain}/${n}`)
  demand(mark !== undefined, 'ERR_LIMIT')
  throw new Refusal(same(mark, envelope.digest.slice(0, 16)) ? 'ERR_DUPLICATE' : 'ERR_DIVERGED')
}

/** Key of a position that is not passed yet, with all before it skipped. */
function freshKey(
  session: Session,
  place: Place,
  header: Header,
  { now, random }: World,
): Uint8Array {
  const { receiving: old, pq } = session
  demand(keysOf(pq, header.e) !== undefined, 'ERR_NOT_AUTHENTIC')
  const epochs = [...new Set([pq.epoch, header.e])]
  const left = place.kind === 'next' && old !== undefined ? header.previous - old.next : 0
  demand(left + header.n - place.passed <= MAX_PASSED, 'ERR_TOO_FAR_AHEAD')
  if (place.kind === 'next') {
    if (old !== undefined) skipTo(session, old, header.previous, epochs, now)
    allAs('ERR_NOT_AUTHENTIC', () => turn(session, header.key, header.previous, random))
  }
  const { receiving } = session
  demand(receiving !== undefined, 'ERR_NOT_AUTHENTIC')
  skipTo(session, receiving, header.n, epochs, now)
  const body = nextKeys(session, receiving, epochs).get(header.e)
  demand(body !== undefined, 'ERR_NOT_AUTHENTIC')
  return body
}

function skipTo(
  session: Session,
  chain: ReceivingChain,
  end: number,
  epochs: readonly number[],
  at: number,
): void {
  while (chain.next < end) {
    const n = chain.next
    const bodies = nextKeys(session, chain, epochs)
    session.skipped.set(`${chain.id}/${n}`, { chain: chain.id, n, bodies, at })
  }
}

/** BK of the next position of the chain, in each of the epochs. */
function nextKeys(
  session: Session,
  chain: ReceivingChain,
  epochs: readonly number[],
): ReadonlyMap<number, Uint8Array> {
  const step = kdfChain(chain.chain)
  const n = chain.next
  chain.chain = step.chain
  chain.next += 1
  return new Map(
    epochs.map((e) => [e, messageKeys(step.message, epochKey(session, e, 'theirs'), e, n).body]),
  )
}

function epochKey(session: Session, e: number, whose: 'ours' | 'theirs'): Uint8Array {
  const keys = keysOf(session.pq, e)
  demand(keys !== undefined, 'ERR_NOT_AUTHENTIC')
  const other = session.direction === 1 ? 2 : 1
  return keys.direction[whose === 'ours' ? session.direction : other]
}

function headerData(prefix: Uint8Array): Uint8Array {
  return join(ascii('sotto/1 header'), prefix)
}

function bodyData(
  { transcript }: Session,
  { prefix, salt, sealedHeader }: Pick<envelopes.Envelope, 'prefix' | 'salt' | 'sealedHeader'>,
): Uint8Array {
  return join(transcript, prefix, salt, sealedHeader)
}

function forgetOldKeys(session: Session, now: number): void {
  for (const [place, key] of session.skipped) {
    if (key.at + 30 * DAY <= now) session.skipped.delete(place)
  }
}

/** Evicts the oldest skipped keys, retired chains and marks beyond the limits. */
function forgetChains(session: Session): void {
  for (const place of session.skipped.keys()) {
    if (session.skipped.size > MAX_SKIPPED) session.skipped.delete(place)
  }
  const waiting = new Set([...session.skipped.values()].map((one) => one.chain))
  session.retired = session.retired
    .filter((one, i, all) => i >= all.length - 40 || waiting.has(one.id))
    .slice(-400)
  const known = new Set([session.receiving?.id, ...session.retired.map((one) => one.id)])
  for (const [place, { chain }] of session.skipped) {
    if (!known.has(chain)) session.skipped.delete(place)
  }
  const blocks = new Set([...session.marks.keys()].map(blockOf))
  const oldest = new Set([...blocks].slice(0, Math.max(0, blocks.size - 128)))
  for (const place of session.marks.keys()) {
    if (oldest.has(blockOf(place))) session.marks.delete(place)
  }
}

function blockOf(place: string): string {
  const [chain, n] = place.split('/')
  return `${chain}/${Math.floor(Number(n) / 32)}`
}
