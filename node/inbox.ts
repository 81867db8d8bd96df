// Where envelopes come in: from a direct stream or from a mailbox. Finds the conversation an envelope belongs to, or lets a
// first message begin one. Errors have become outcomes below; what an outcome means is decided in outcome.ts.

import { type AccountKey } from '../protocol/account.ts'
import { toHex } from '../protocol/bytes.ts'
import { hash } from '../protocol/crypto.ts'
import { readEnvelope, type Envelope, type FirstEnvelope } from '../protocol/envelope.ts'
import { acceptSession, sessionSecrets, type Accepted } from '../protocol/session.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import { create, toBinary } from '@bufbuild/protobuf'
import { HandshakeRecordSchema } from '../protocol/generated/store_pb.ts'
import { KeyedLock } from '../net/lock.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import { peerName } from '../net/peer-name.ts'
import type { ContactBook } from './contacts.ts'
import { defaultName } from './contact.ts'
import type { Conversation } from './conversation.ts'
import { keys } from './keys.ts'
import { CLOCK_MARGIN } from './lifetimes.ts'
import type { NamedPrekeys, OwnKeys } from './own-keys.ts'
import { outcomeOf, type Arrival } from './open.ts'
import type { Outcome } from './outcome.ts'
import { RateLimit } from './rate-limit.ts'

export interface InboxInit {
  readonly book: ContactBook
  readonly records: Records
  readonly ownKeys: OwnKeys
  readonly clock: Clock
  readonly random: RandomBytes
}

/** Handshakes that strangers may make us compute: ten at once, two a second from one peer; a hundred and twenty in all. */
const HANDSHAKES_PER_PEER = { burst: 10, perSecond: 2 }
const HANDSHAKES_IN_ALL = { burst: 100, perSecond: 20 }

/** Conversations a session envelope from a mailbox is compared with, in one run of envelopes. */
const MAX_COMPARISONS = 20_000

export class Inbox {
  readonly #init: InboxInit
  /** First messages are accepted one at a time: two copies of one must not both begin a session. */
  readonly #lock = new KeyedLock()
  readonly #limit: RateLimit
  /** What arrived and could not be used, by outcome. */
  readonly counts = new Map<Outcome, number>()

  constructor(init: InboxInit) {
    this.#init = init
    this.#limit = new RateLimit(init.clock, HANDSHAKES_PER_PEER, HANDSHAKES_IN_ALL)
  }

  /** Envelopes from the stream of `sender`, in order: all of one commit where they belong to sessions that exist. */
  async fromPeer(
    sender: AccountKey,
    envelopes: readonly Uint8Array[],
  ): Promise<readonly Outcome[]> {
    const route = (): Conversation | undefined => this.#init.book.byAccount(sender)
    return this.#take(envelopes, { arrival: 'direct', route, sender, source: toHex(sender) })
  }

  /** Envelopes that a mailbox held. Whose they are shows by their tags. */
  async fromMailbox(
    mailbox: string,
    envelopes: readonly Uint8Array[],
  ): Promise<readonly Outcome[]> {
    let budget = MAX_COMPARISONS
    const route = (envelope: Envelope): Conversation | undefined => {
      for (const conversation of this.#init.book.all()) {
        if (budget-- <= 0) return undefined
        if (conversation.recognises(envelope)) return conversation
      }
      return undefined
    }
    return this.#take(envelopes, { arrival: 'mailbox', route, sender: undefined, source: mailbox })
  }

  async #take(envelopes: readonly Uint8Array[], from: Source): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    let run: { readonly conversation: Conversation; readonly envelopes: Envelope[] } | undefined
    const flush = async (): Promise<void> => {
      if (run === undefined) return
      const { conversation, envelopes: together } = run
      run = undefined
      outcomes.push(...(await conversation.receive(together, from.arrival)))
    }
    for (const bytes of envelopes) {
      const envelope = framed(bytes)
      if (typeof envelope === 'string') {
        await flush()
        outcomes.push(envelope)
        continue
      }
      const conversation = from.route(envelope)
      const known = conversation !== undefined && belongs(conversation, envelope)
      if (known && run?.conversation !== conversation) {
        await flush()
        run = { conversation, envelopes: [] }
      }
      if (known) {
        run?.envelopes.push(envelope)
        continue
      }
      await flush()
      outcomes.push(await this.#unknown(envelope, from))
    }
    await flush()
    for (const outcome of outcomes) this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1)
    return outcomes
  }

  async #unknown(envelope: Envelope, from: Source): Promise<Outcome> {
    if (envelope.kind !== 'first') return 'no-session'
    return this.#lock.run('accept', () => this.#accept(envelope, from))
  }

  /** Cheap checks first: known ephemeral key, known prekeys, rate; then Diffie-Hellman and KEM (docs/protocol.md, "First message"). */
  async #accept(envelope: FirstEnvelope, from: Source): Promise<Outcome> {
    const again = from.route(envelope)
    if (again?.recognises(envelope) === true) {
      return (await again.receive([envelope], from.arrival))[0] ?? 'store-full'
    }
    const marker = keys.handshake(hash(32, 'accepted key', envelope.ephemeralKey))
    try {
      // Its session is gone: the message was taken long ago.
      if ((await this.#init.records.get(marker)) !== undefined) return 'duplicate'
    } catch (error) {
      if (error instanceof StoreError) return 'store-full'
      throw error
    }
    const { ownKeys } = this.#init
    const prekeys = ownKeys.prekeysFor({
      signedPrekeyId: envelope.signedPrekeyId,
      kemId: envelope.kemId,
      oneTime: envelope.oneTime,
    })
    if (prekeys === undefined) return 'unknown-prekey'
    // By mailbox it may have waited; on a stream it has just been made, from a bundle that had lapsed.
    const lapsed = prekeys.acceptUntil + CLOCK_MARGIN < this.#init.clock.now()
    if (lapsed && from.arrival === 'direct') return 'unknown-prekey'
    if (!this.#limit.take(from.source)) return 'store-full'
    const accepted = this.#open(envelope, prekeys)
    if (typeof accepted === 'string') return accepted
    return this.#adopt(envelope, accepted, marker, from)
  }

  #open(envelope: FirstEnvelope, prekeys: NamedPrekeys): Accepted | Outcome {
    const { ownKeys, clock, random } = this.#init
    try {
      return acceptSession({
        ours: prekeys.device,
        prekeys,
        envelope,
        bundleKnown: (sequence, digest) => ownKeys.bundleKnown(sequence, digest),
        now: clock.now(),
        random,
      })
    } catch (error) {
      return outcomeOf(error)
    }
  }

  async #adopt(
    envelope: FirstEnvelope,
    accepted: Accepted,
    marker: string,
    from: Source,
  ): Promise<Outcome> {
    const { account } = accepted.theirs
    // A first message on a stream comes from whom the stream is with, or from nobody.
    if (from.sender !== undefined && toHex(from.sender) !== toHex(account)) return 'not-authentic'
    const { book, ownKeys } = this.#init
    const known = book.byAccount(account)
    const conversation = known ?? book.fresh(stranger(account))
    const operations: Operation[] = [
      { type: 'put', key: marker, value: handshakeRecord(envelope, accepted, conversation.id) },
      ...(envelope.oneTime ? ownKeys.spendOneTime(envelope.kemId) : []),
    ]
    const outcome = await conversation.adopt(accepted, {
      operations,
      arrival: from.arrival,
      committed: () => book.register(conversation),
    })
    if (outcome !== 'opened') for (const secret of sessionSecrets(accepted.session)) secret.wipe()
    if (!envelope.oneTime) return outcome
    if (outcome === 'opened') ownKeys.forgetOneTime(envelope.kemId)
    else ownKeys.restoreOneTime(envelope.kemId)
    return outcome
  }
}

interface Source {
  readonly arrival: Arrival
  readonly route: (envelope: Envelope) => Conversation | undefined
  /** Whom the stream is with; undefined by way of a mailbox. */
  readonly sender: AccountKey | undefined
  /** What rates are counted by. */
  readonly source: string
}

function framed(bytes: Uint8Array): Envelope | Outcome {
  try {
    return readEnvelope(bytes)
  } catch (error) {
    return outcomeOf(error)
  }
}

/** A session envelope on a contact's stream is that contact's or nothing; a first message may begin a new session. */
function belongs(conversation: Conversation, envelope: Envelope): boolean {
  return envelope.kind === 'session' || conversation.recognises(envelope)
}

function stranger(account: AccountKey): Parameters<ContactBook['fresh']>[0] {
  return {
    account,
    name: defaultName(peerName(account)),
    state: 'requested',
    addresses: [],
    mailboxes: [],
  }
}

function handshakeRecord(envelope: FirstEnvelope, accepted: Accepted, contact: string): Uint8Array {
  return toBinary(
    HandshakeRecordSchema,
    create(HandshakeRecordSchema, {
      version: 1,
      contact,
      sessionId: accepted.session.id,
      signedPrekeyId: envelope.signedPrekeyId,
      kemPrekeyId: envelope.kemId,
    }),
  )
}
