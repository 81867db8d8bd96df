/** Sealing and opening in a session: docs/protocol.md, "Double Ratchet", "Message keys", "Limits of a session". */
import { Layout, type Random, Refusal, allAs, ascii, demand, join, same, u32 } from './bytes.ts'
import * as envelopes from './envelope.ts'
import { seal, unseal } from './primitives.ts'
import { DAY } from './records.ts'
import { type HeaderKeys, kdfChain, makeSalt, messageKeys } from './schedule.ts'
import { type ReceivingChain, type Session, turn } from './session.ts'

const LAST = 2 ** 32 - 1
const MAX_PASSED = 4000
const MAX_SKIPPED = 4000
const HOUR = 3_600_000

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
}

/** The next envelope of the session, which moves on. */
export function sealMessage(
  session: Session,
  content: Uint8Array,
  random: Random,
  items: readonly envelopes.Item[] = [],
): Uint8Array {
  return sealPadded(session, envelopes.writeBody(content, items), random)
}

/** The same for a body that was padded already, rightly or not. */
export function sealPadded(session: Session, padded: Uint8Array, random: Random): Uint8Array {
  const { sending } = session
  demand(sending !== undefined && !session.receiveOnly, 'ERR_NO_SESSION')
  demand(sending.next < LAST, 'ERR_LIMIT')
  const e = sendingEpoch(session)
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
export function openMessage(
  session: Session,
  bytes: Uint8Array,
  now: number,
  random: Random,
): Opened {
  const envelope = envelopes.readEnvelope(bytes)
  const draft = structuredClone(session)
  const place = findPlace(draft, envelope)
  demand(place !== undefined, 'ERR_NO_SESSION')
  checkFailures(draft, now)
  try {
    const opened = openAt(draft, place, envelope, now, random)
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
  now: number,
  random: Random,
): Opened {
  const header = openHeader(place, envelope)
  checkHeader(session, place, header)
  forgetOldKeys(session, now)
  const bodyKey =
    header.n < place.passed
      ? passedKey(session, place, header, envelope)
      : freshKey(session, place, header, now, random)
  const padded = unseal(bodyKey, envelope.salt, bodyData(session, envelope), envelope.body)
  const body = envelopes.readBody(padded)
  session.skipped.delete(`${place.chain}/${header.n}`)
  session.marks.set(`${place.chain}/${header.n}`, envelope.digest.slice(0, 16))
  forgetChains(session)
  return body
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
  const skipped = session.skipped.get(`${place.chain}/${header.n}`)
  const epoch = skipped?.e ?? receivingEpoch(session)
  demand(header.e === epoch, 'ERR_NOT_AUTHENTIC')
}

/** Key of a position that was passed: kept, opened, or gone. */
function passedKey(
  session: Session,
  place: Place,
  { n }: Header,
  envelope: envelopes.Envelope,
): Uint8Array {
  const kept = session.skipped.get(`${place.chain}/${n}`)
  if (kept !== undefined) return kept.body
  const mark = session.marks.get(`${place.chain}/${n}`)
  demand(mark !== undefined, 'ERR_LIMIT')
  throw new Refusal(same(mark, envelope.digest.slice(0, 16)) ? 'ERR_DUPLICATE' : 'ERR_DIVERGED')
}

/** Key of a position that is not passed yet, with all before it skipped. */
function freshKey(
  session: Session,
  place: Place,
  header: Header,
  now: number,
  random: Random,
): Uint8Array {
  const { receiving: old } = session
  const left = place.kind === 'next' && old !== undefined ? header.previous - old.next : 0
  demand(left + header.n - place.passed <= MAX_PASSED, 'ERR_TOO_FAR_AHEAD')
  if (place.kind === 'next') {
    if (old !== undefined) skipTo(session, old, header.previous, now)
    allAs('ERR_NOT_AUTHENTIC', () => turn(session, header.key, header.previous, random))
  }
  const { receiving } = session
  demand(receiving !== undefined, 'ERR_NOT_AUTHENTIC')
  skipTo(session, receiving, header.n, now)
  return nextKey(session, receiving)
}

function skipTo(session: Session, chain: ReceivingChain, end: number, at: number): void {
  const e = receivingEpoch(session)
  while (chain.next < end) {
    const n = chain.next
    const body = nextKey(session, chain)
    session.skipped.set(`${chain.id}/${n}`, { chain: chain.id, n, e, body, at })
  }
}

/** BK of the next position of the chain. */
function nextKey(session: Session, chain: ReceivingChain): Uint8Array {
  const e = receivingEpoch(session)
  const step = kdfChain(chain.chain)
  const keys = messageKeys(step.message, epochKey(session, e, 'theirs'), e, chain.next)
  chain.chain = step.chain
  chain.next += 1
  return keys.body
}

function sendingEpoch(session: Session): number {
  return Math.max(...session.epochs.keys())
}

function receivingEpoch(session: Session): number {
  return Math.max(...session.epochs.keys())
}

function epochKey(session: Session, e: number, whose: 'ours' | 'theirs'): Uint8Array {
  const keys = session.epochs.get(e)
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
