/** One side of a session of sotto as bytes in and bytes out; what is spent is wiped after each step. */
import type { AccountKey } from '../protocol/account.ts'
import { verifyBundle } from '../protocol/bundle.ts'
import { readEnvelope } from '../protocol/envelope.ts'
import { verifyOneTimePair } from '../protocol/prekeys.ts'
import { wipeAll } from '../protocol/secret.ts'
import { openMatched, tagMatches } from '../protocol/open-message.ts'
import {
  acceptSession,
  encryptMessage,
  initiateSession,
  type Session,
} from '../protocol/session.ts'
import { platformRandom, pooled } from '../net/platform/random.ts'
import { newPerson, type Person, type Published } from './people.ts'

const saltRandom = pooled(platformRandom)

export class Talker {
  #session: Session
  /** The content that began it; empty for the side that sent it. */
  readonly first: Uint8Array

  constructor(session: Session, first: Uint8Array = new Uint8Array(0)) {
    this.#session = session
    this.first = first
  }

  /** As it is after the last step. */
  get session(): Session {
    return this.#session
  }

  seal(content: Uint8Array): Uint8Array {
    const options = { now: Date.now(), random: platformRandom, salts: saltRandom }
    const { next, envelope, spent } = encryptMessage(this.#session, content, options)
    this.#session = next
    wipeAll(spent)
    return envelope
  }

  open(bytes: Uint8Array): Uint8Array {
    const envelope = readEnvelope(bytes)
    const match = tagMatches([this.#session], envelope)
    if (match === undefined) throw new Error('The tag matches no session')
    const opened = openMatched(match, { now: Date.now(), random: platformRandom })
    this.#session = opened.next
    wipeAll(opened.spent)
    return opened.content
  }
}

/** What the sender knows of the receiver. */
export interface Found {
  /** Checked when they became a contact. Here it is the mailbox of the pair too. */
  readonly account: AccountKey
  readonly bundle: Uint8Array
  /** Absent: the last-resort prekey is used. */
  readonly pair?: Uint8Array
}

/** Verifies what was found, makes a session and its first envelope. */
export function sendFirst(
  found: Found,
  content: Uint8Array,
  we: Person = newPerson(),
): { readonly talker: Talker; readonly envelope: Uint8Array } {
  const { now } = we
  const { account } = found
  const session = initiateSession({
    ours: we.device,
    theirs: verifyBundle(found.bundle, { account, now }),
    oneTime: found.pair && verifyOneTimePair(found.pair, { account, mailbox: account, now }),
    ordinal: now,
    seen: 0,
    now,
    random: platformRandom,
  })
  const talker = new Talker(session)
  return { talker, envelope: talker.seal(content) }
}

/** The responder's side, from its first envelope. */
export function acceptFirst(they: Person, published: Published, bytes: Uint8Array): Talker {
  const envelope = readEnvelope(bytes)
  if (envelope.kind !== 'first') throw new Error('The first message is not one')
  const accepted = acceptSession({
    ours: they.device,
    prekeys: published.prekeys,
    envelope,
    bundleKnown: () => true,
    now: they.now,
    random: platformRandom,
  })
  wipeAll(accepted.spent)
  return new Talker(accepted.session, accepted.content)
}
