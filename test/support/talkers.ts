import { expect } from 'vitest'
import type { Account } from '../../protocol/account.ts'
import type { RandomBytes } from '../../protocol/bytes.ts'
import { fromUtf8, toHex, utf8 } from '../../protocol/bytes.ts'
import type { Envelope } from '../../protocol/envelope.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { SessionError } from '../../protocol/errors.ts'
import type { OneTimePair } from '../../protocol/prekeys.ts'
import { sendingEpoch } from '../../protocol/post-quantum.ts'
import { createOneTimePair, verifyOneTimePair } from '../../protocol/prekeys.ts'
import { Secret, wipeAll } from '../../protocol/secret.ts'
import type { KeptRecord, KeptRecordId, OpenedContent, Session } from '../../protocol/session.ts'
import { openMatched, tagMatches } from '../../protocol/open-message.ts'
import {
  acceptSession,
  encryptMessage,
  initiateSession,
  receiveOnly,
} from '../../protocol/session.ts'
import {
  decodeSession,
  encodeSession,
  encodeSkippedKey,
  skippedKeyName,
} from '../../protocol/session-codec.ts'
import {
  NO_HANDSHAKES,
  contradicts,
  handshakeMade,
  handshakeOpened,
  handshakeStated,
  nextOrdinal,
  sendingSession,
  type Handshakes,
} from '../../protocol/sessions.ts'
import { stateHandshake, statementAnswered, statementIn } from '../../protocol/statement.ts'
import type { Person } from './people.ts'
import { DAY, NOW, testPerson } from './people.ts'
import { seededRandom } from './random.ts'
import { expectNothingLeft, secretsIn } from './secrets.ts'

/** One step of a session, for the step law. */
interface Step {
  readonly before: Session
  readonly beforeBytes: Uint8Array
  readonly next: Session
  readonly spent: readonly Secret[]
}

/** Whom a session can be begun with: what a stranger has of somebody. */
export interface Reachable {
  readonly person: Pick<Person, 'bundle'> & { readonly account: Pick<Account, 'key'> }
  readonly pair: Pick<OneTimePair, 'signed'>
}

/**
 * Somebody who chats, with a store that is committed after every step: what a node does with
 * `protocol/`, in small. Every step is checked against the step law unless `lawful` is off (for
 * runs of thousands of messages).
 */
export class Talker {
  readonly person: Person
  readonly pair: OneTimePair
  readonly random: RandomBytes
  readonly lawful: boolean
  /** Texts in the order in which they opened. */
  readonly inbox: string[] = []
  /** What was wrong with parts beside them. */
  readonly reports: ('malformed' | 'diverged')[] = []
  sessions: readonly Session[] = []
  now = NOW
  #sent = 0
  handshakes: Handshakes = NO_HANDSHAKES
  #pairIsThere = true
  readonly #store = new Map<string, Uint8Array>()
  readonly #accepted = new Set<string>()

  constructor(name: string, lawful = true) {
    this.person = testPerson(name)
    this.random = seededRandom(`talker ${name}`)
    this.lawful = lawful
    this.pair = createOneTimePair({
      account: this.person.account,
      device: 1,
      mailbox: testPerson('mailbox').account.key,
      issuedAt: NOW,
      expiresAt: NOW + 60 * DAY,
      random: this.random,
    })
  }

  /** The session that sends now. */
  get session(): Session {
    const session = sendingSession(this.sessions, this.handshakes)
    if (session === undefined) throw new Error('no session')
    return session
  }

  begin(other: Reachable, { oneTime = false } = {}): Session {
    const { ours, seen, seenByThem } = this.handshakes
    const ordinal = nextOrdinal({ previous: ours?.ordinal ?? 0, seenByThem, now: this.now })
    const { account } = other.person
    const pair = verifyOneTimePair(other.pair.signed, { account: account.key, now: this.now })
    const session = this.#watched(() =>
      initiateSession({
        ours: this.person.device,
        theirs: other.person.bundle,
        oneTime: oneTime ? pair : undefined,
        ordinal,
        seen,
        now: this.now,
        random: this.random,
      }),
    )
    this.#keep(undefined, session)
    this.handshakes = handshakeMade(this.handshakes, session.handshake)
    return session
  }

  /** Seals the next numbered text in the sending session, or in another one. */
  send(
    session = this.session,
    text = `${this.person.account.key[0]} ${(this.#sent += 1)}`,
  ): Uint8Array {
    const beforeBytes = encodeSession(session)
    const { ours, stating: said } = this.handshakes
    const { items, next: stating } = stateHandshake(session, ours, said)
    const message = { content: utf8(text), items }
    const { next, envelope, spent } = this.#watched(() => encryptMessage(session, message, this))
    this.#check({ before: session, beforeBytes, next, spent })
    this.#keep(session, next)
    this.handshakes = { ...this.handshakes, stating }
    wipeAll(spent)
    return envelope
  }

  /** `opened`, or the code of the refusal; a refusal has changed nothing. */
  receive(bytes: Uint8Array): string {
    const before = this.#image()
    try {
      this.#take(readEnvelope(bytes))
      return 'opened'
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      if (this.lawful) expectSame(this.#image(), before)
      return error.code
    }
  }

  /** What is in memory is forgotten and read from the store. */
  restart(): void {
    this.sessions = this.sessions.map((session) => {
      const prefix = toHex(session.id)
      const records = [...this.#store].filter(([key]) => key.startsWith(`${prefix}/`))
      const stored = this.#store.get(prefix)
      if (stored === undefined) throw new Error('a session was not stored')
      return decodeSession(
        stored,
        records.map(([, value]) => value),
      )
    })
  }

  /** Names of all records beside the sessions. */
  recordNames(): readonly string[] {
    return [...this.#store.keys()].filter((key) => key.includes('/')).map((key) => key.slice(65))
  }

  #take(envelope: Envelope): void {
    const match = tagMatches(this.sessions, envelope)
    if (match === undefined) return this.#accept(envelope)
    const { session } = match
    const beforeBytes = encodeSession(session)
    const { now, random } = this
    const { next, spent, ...opened } = this.#watched(() => openMatched(match, { now, random }))
    this.#check({ before: session, beforeBytes, next, spent })
    this.#keep(session, next, opened.skippedAdded, opened.skippedRemoved)
    wipeAll(spent)
    const statement = statementIn(session, opened.items)
    if (statement !== undefined) this.handshakes = handshakeStated(this.handshakes, statement)
    const stating = statementAnswered(this.handshakes.stating, session, next)
    this.handshakes = { ...this.handshakes, stating }
    this.#note(opened)
  }

  #accept(envelope: Envelope): void {
    if (envelope.kind === 'session') throw new SessionError('ERR_NO_SESSION')
    const ephemeralKey = toHex(envelope.ephemeralKey)
    if (this.#accepted.has(ephemeralKey)) throw new SessionError('ERR_DUPLICATE')
    const { device, signedPrekey, kemPrekey, bundle } = this.person
    const oneTime = this.#pairIsThere ? this.pair : undefined
    const { session, spent, ...accepted } = this.#watched(() =>
      acceptSession({
        ours: device,
        prekeys: { signed: signedPrekey, kem: kemPrekey, oneTime },
        envelope,
        bundleKnown: (sequence, digest) =>
          sequence === bundle.sequence && toHex(digest) === toHex(bundle.digest),
        now: this.now,
        random: this.random,
      }),
    )
    expectSame(contradicts(this.handshakes, session.handshake), false)
    const isLate = session.handshake.ordinal < this.handshakes.seen
    this.#accepted.add(ephemeralKey)
    this.#keep(undefined, isLate ? receiveOnly(session) : session, accepted.skippedAdded)
    if (envelope.oneTime) this.#pairIsThere = false
    wipeAll(spent)
    this.handshakes = handshakeOpened(this.handshakes, session.handshake)
    this.#note(accepted)
  }

  #note({ content, malformedItems, diverged }: OpenedContent): void {
    this.inbox.push(fromUtf8(content))
    if (malformedItems) this.reports.push('malformed')
    if (diverged) this.reports.push('diverged')
  }

  #keep(
    before: Session | undefined,
    next: Session,
    added: readonly KeptRecord[] = [],
    removed: readonly KeptRecordId[] = [],
  ): void {
    const prefix = toHex(next.id)
    const others = this.sessions.filter((session) => session !== before)
    this.sessions = [...others, next]
    this.#store.set(prefix, encodeSession(next))
    const names = new Set(added.map(skippedKeyName))
    for (const record of added) {
      this.#store.set(`${prefix}/${skippedKeyName(record)}`, encodeSkippedKey(record))
    }
    for (const id of removed) {
      const name = skippedKeyName(id)
      expectSame(names.has(name), false)
      this.#store.delete(`${prefix}/${name}`)
    }
  }

  /** What `run` returns. No secret that it used is left over, whether it succeeds or not. */
  #watched<T>(run: () => T): T {
    if (!this.lawful) return run()
    return expectNothingLeft(run, [this.person, this.pair, this.sessions])
  }

  #check(step: Step): void {
    if (this.lawful) expectLawful(step)
  }

  #image(): readonly string[] {
    if (!this.lawful) return []
    const sessions = this.sessions.map((session) => toHex(encodeSession(session)))
    return [...sessions, String(this.#pairIsThere), String(this.#store.size)]
  }
}

/** A step changes nothing, keeps no spent secret and forgets none, and never sends in an older epoch. */
function expectLawful({ before, beforeBytes, next, spent }: Step): void {
  const kept = secretsIn(next)
  expect(encodeSession(before)).toEqual(beforeBytes)
  expect(spent.filter((secret) => kept.has(secret))).toEqual([])
  const forgotten = [...secretsIn(before)].filter((s) => !kept.has(s) && !spent.includes(s))
  expect(forgotten).toEqual([])
  const [epochBefore, epoch] = [before, next].map((one) => sendingEpoch(one.postQuantum).number)
  expect(epoch).toBeGreaterThanOrEqual(there(epochBefore))
}

/** What each side of a session sends in, the other can open, with the same keys. */
export function expectKeysAgree(one: Session, other: Session): void {
  expect(toHex(one.id)).toBe(toHex(other.id))
  for (const [from, to] of [
    [one.postQuantum, other.postQuantum],
    [other.postQuantum, one.postQuantum],
  ] as const) {
    const { number, sendingKey } = sendingEpoch(from)
    const theirs = [to.epoch, to.next].find((epoch) => epoch?.number === number)
    expect(toHex(Secret.reveal(sendingKey))).toBe(toHex(Secret.reveal(there(theirs).receivingKey)))
  }
}

function expectSame(actual: unknown, expected: unknown): void {
  expect(actual).toEqual(expected)
}

/** The value, where the test knows that there is one. */
export function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('nothing is there')
  return value
}

/** Two talkers whose session both have used. */
export function acquainted(lawful = true): { readonly ours: Talker; readonly theirs: Talker } {
  const ours = new Talker('ours', lawful)
  const theirs = new Talker('theirs', lawful)
  ours.begin(theirs)
  expect(theirs.receive(ours.send())).toBe('opened')
  expect(ours.receive(theirs.send())).toBe('opened')
  ours.inbox.length = 0
  theirs.inbox.length = 0
  return { ours, theirs }
}
