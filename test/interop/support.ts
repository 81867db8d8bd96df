/** What the tests of both implementations share. "Ours" is `protocol/`, "theirs" the stranger. */
import { readFileSync } from 'node:fs'
import { accountKey } from '../../protocol/account.ts'
import { verifyBundle } from '../../protocol/bundle.ts'
import { NOW, testPerson } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { type Reachable, Talker } from '../support/talkers.ts'
import { ascii } from './stranger/bytes.ts'
import * as people from './stranger/person.ts'
import { sealMessage } from './stranger/ratchet.ts'
import { readBundle, readOneTime } from './stranger/records.ts'
import type { Session } from './stranger/session.ts'

/** The outputs printed at the end of the protocol page, by name. */
export function sampleOutputs(): Readonly<Record<string, string>> {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Sample outputs'), page.indexOf('## Changes'))
  const lines = section.matchAll(/^(\S.*?)\s+= ([0-9a-f]{16,})$/gm)
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]))
}

/** Bytes that are not what they should be are one refusal here, whatever is wrong with them. */
const BYTES = /^ERR_(?:TRUNCATED|TRAILING|TOO_LARGE|MALFORMED|NOT_CANONICAL|UNKNOWN_VERSION)$/

/** What `run` returns, or the code of the refusal. Anything else that is thrown is a bug and goes on. */
export function codeOf(run: () => string): string {
  try {
    return run()
  } catch (error) {
    if (!(error instanceof Error && 'code' in error)) throw error
    return String(error.code).replace(BYTES, 'bytes')
  }
}

/** `accepted`, or `refused` with an error that has a code. */
export function verdict(run: () => unknown): string {
  const code = codeOf(() => {
    run()
    return 'accepted'
  })
  return code === 'accepted' ? code : 'refused'
}

/** The bytes with one bit changed. */
export function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, i) => (i === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte))
}

/** A stranger who chats: the counterpart of `Talker`, and reachable for one. */
export class Stranger {
  readonly self: people.Person
  readonly bundle: Uint8Array
  readonly oneTime: Uint8Array
  /** Texts in the order in which they opened. */
  readonly inbox: string[] = []
  /** What was said of items and parts. */
  readonly reports: string[] = []
  now = NOW
  #sent = 0

  constructor(name: string) {
    this.self = people.createPerson(seededRandom(`stranger ${name}`), NOW)
    this.bundle = people.publishBundle(this.self, NOW)
    this.oneTime = people.publishOneTime(this.self, mailbox(), NOW)
  }

  /** What a `Talker` begins a session with. */
  get reachable() {
    const key = accountKey(this.self.account)
    const bundle = verifyBundle(this.bundle, { account: key, now: this.now })
    return { person: { account: { key }, bundle }, pair: { signed: this.oneTime } }
  }

  begin(other: Reachable, { oneTime = false, forged = people.HONEST } = {}): Session {
    const { account, bundle } = other.person
    const verified = readBundle(bundle.bytes, account.key, this.now)
    const from = { account: account.key, mailbox: mailbox() }
    const pair = oneTime ? readOneTime(other.pair.signed, from, this.now) : undefined
    return people.begin(
      this.self,
      { bytes: bundle.bytes, bundle: verified, pair, forged },
      this.now,
    )
  }

  send(to: Reachable, text = `s ${(this.#sent += 1)}`): Uint8Array {
    const session = people.sendingSession(this.self, to.person.account.key)
    if (session === undefined) throw new Error('no session')
    return sealMessage(session, ascii(text), { now: this.now, random: this.self.random })
  }

  receive(envelope: Uint8Array): string {
    return codeOf(() => {
      const { content, said } = people.receive(this.self, envelope, this.now)
      this.reports.push(...said.toSorted())
      this.inbox.push(new TextDecoder().decode(content))
      return 'opened'
    })
  }
}

function mailbox(): Uint8Array {
  return testPerson('mailbox').account.key
}

/** Who sends and who receives, to run one story both ways. */
export interface Ways {
  readonly send: (text?: string) => Uint8Array
  readonly receive: (envelope: Uint8Array) => string
  /** The receiver's answer, and its arrival. */
  readonly answer: () => string
  readonly inbox: readonly string[]
}

/** The story told by `from`; the other side receives. */
export function ways(from: 'ours' | 'theirs', by: 'ours' | 'theirs' = 'ours'): Ways {
  const { ours, theirs } = acquainted(by)
  const oursSends = (text?: string): Uint8Array => ours.send(undefined, text)
  const theirsSends = (text?: string): Uint8Array => theirs.send(ours, text)
  const oursReceives = (bytes: Uint8Array): string => codeOf(() => ours.receive(bytes))
  const theirsReceives = (bytes: Uint8Array): string => theirs.receive(bytes)
  for (const side of [ours, theirs]) side.inbox.length = 0
  return from === 'ours'
    ? {
        ...{ send: oursSends, receive: theirsReceives, inbox: theirs.inbox },
        answer: () => oursReceives(theirsSends()),
      }
    : {
        ...{ send: theirsSends, receive: oursReceives, inbox: ours.inbox },
        answer: () => theirsReceives(oursSends()),
      }
}

/** One of each kind whose session, begun by ours or theirs, both have used. */
export function acquainted(by: 'ours' | 'theirs'): {
  readonly ours: Talker
  readonly theirs: Stranger
} {
  const ours = new Talker('ours')
  const theirs = new Stranger('theirs')
  const verdicts: string[] = []
  if (by === 'ours') {
    ours.begin(theirs.reachable)
    verdicts.push(theirs.receive(ours.send()), ours.receive(theirs.send(ours)))
  } else {
    theirs.begin(ours)
    verdicts.push(ours.receive(theirs.send(ours)), theirs.receive(ours.send()))
  }
  if (verdicts.join() !== 'opened,opened') throw new Error(verdicts.join())
  return { ours, theirs }
}
