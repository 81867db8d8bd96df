// Where envelopes come in: from a direct stream or from a mailbox. Finds the conversation an envelope belongs to, or lets a
// first message begin one. Errors have become outcomes below; what an outcome means is decided in outcome.ts.

import { type AccountKey } from '../protocol/account.ts'
import { equalBytes, toHex } from '../protocol/bytes.ts'
import { hash } from '../protocol/crypto.ts'
import { readEnvelope, type Envelope, type FirstEnvelope } from '../protocol/envelope.ts'
import { wipeAll } from '../protocol/secret.ts'
import { acceptSession, sessionSecrets, type Accepted } from '../protocol/session.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import { create, toBinary } from '@bufbuild/protobuf'
import { HandshakeRecordSchema } from '../protocol/generated/store_pb.ts'
import { KeyedLock } from '../net/lock.ts'
import type { Clock, PeerName } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import { accountOf, peerName } from '../net/peer-name.ts'
import type { ContactBook } from './contacts.ts'
import { defaultName } from './contact.ts'
import { soundly } from './damage.ts'
import type { Conversation } from './conversation.ts'
import { HandshakeLimits, type Origin } from './handshake-limits.ts'
import type { HandOutNotes } from './hand-out-notes.ts'
import { keys } from './keys.ts'
import { CLOCK_MARGIN } from './lifetimes.ts'
import type { NamedPrekeys, OwnKeys } from './own-keys.ts'
import { outcomeOf, type Way } from './open.ts'
import type { Outcome } from './outcome.ts'
import { MailRoute } from './mail-route.ts'
import { mayTake } from './renewal.ts'
import { RECORD_VERSION } from './stored-record.ts'
import type { TokenDesk } from './token-desk.ts'

export interface InboxInit {
  readonly book: ContactBook
  readonly records: Records
  readonly ownKeys: OwnKeys
  readonly notes: Pick<HandOutNotes, 'look'>
  /** A mailbox of ours has handed out one of our pairs twice. */
  readonly onBrokenPromise: (mailbox: AccountKey) => void
  readonly clock: Clock
  readonly random: RandomBytes
  /** Who has which slot at a mailbox, and who is to be told of its token again. */
  readonly tokens: Pick<TokenDesk, 'owners' | 'missed'>
}

const NOBODY: ReadonlyMap<number, Conversation> = new Map()

export class Inbox {
  readonly #init: InboxInit
  /** First messages are accepted one at a time: two copies of one must not both begin a session. */
  readonly #lock = new KeyedLock()
  readonly #limits: HandshakeLimits
  /** What arrived and could not be used, by outcome. */
  readonly counts = new Map<Outcome, number>()

  constructor(init: InboxInit) {
    this.#init = init
    this.#limits = new HandshakeLimits(init.clock)
  }

  /**
   * Envelopes from the stream of `sender`, who connects from the multiaddr `address` (empty if unknown), in order: all of one
   * commit where they belong to sessions that exist.
   */
  async fromPeer(
    sender: AccountKey,
    envelopes: readonly Uint8Array[],
    address = '',
  ): Promise<readonly Outcome[]> {
    const { book } = this.#init
    const route = (): Conversation | undefined => book.byAccount(sender)
    const account = toHex(sender)
    const isContact = book.byAccount(sender)?.contact.state === 'accepted'
    const origin: Origin = isContact
      ? { lane: 'contact', account }
      : { lane: 'stranger', account, address }
    const way: Way = { arrival: 'direct' }
    const source: Source = { way, route, sender, origin, opened: () => undefined }
    return this.#take(envelopes, () => source)
  }

  /** Envelopes that a mailbox held, each with the slot that it came with: whose they are shows by their tags. */
  async fromMailbox(
    mailbox: PeerName,
    envelopes: readonly Uint8Array[],
    slots: readonly number[] = [],
  ): Promise<readonly Outcome[]> {
    const { book, tokens } = this.#init
    const owners = slots.length === 0 ? NOBODY : tokens.owners(mailbox)
    const mail = new MailRoute({ all: () => book.all(), owners })
    const way: Way = { arrival: 'mailbox', mailbox: accountOf(mailbox) }
    const bare = new Set<Conversation>()
    const outcomes = await this.#take(envelopes, (at) => {
      const slot = slots[at] ?? 0
      const owner = mail.ownerOf(slot)
      return {
        way,
        route: (envelope) => mail.find(envelope, slot),
        sender: undefined,
        origin:
          owner === undefined ? { lane: 'mailbox', mailbox } : { lane: 'token', mailbox, slot },
        opened: (conversation) => void (conversation !== owner && bare.add(conversation)),
      }
    })
    if (slots.length > 0) for (const conversation of bare) tokens.missed(conversation, mailbox)
    return outcomes
  }

  async #take(
    envelopes: readonly Uint8Array[],
    sourceOf: (at: number) => Source,
  ): Promise<readonly Outcome[]> {
    const outcomes: Outcome[] = []
    let run: Run | undefined
    const flush = async (): Promise<void> => {
      if (run === undefined) return
      const { conversation, sources, envelopes: together, way } = run
      run = undefined
      const become = await conversation.receive(together, way)
      for (const [at, outcome] of become.entries()) {
        if (outcome === 'opened') sources[at]?.opened(conversation)
      }
      outcomes.push(...become)
    }
    for (const [at, bytes] of envelopes.entries()) {
      const from = sourceOf(at)
      const placed = place(bytes, from)
      if (typeof placed !== 'string' && placed.conversation !== undefined) {
        const { conversation, envelope } = placed
        if (run?.conversation !== conversation) {
          await flush()
          run = { conversation, way: from.way, envelopes: [], sources: [] }
        }
        run.envelopes.push(envelope)
        run.sources.push(from)
        continue
      }
      await flush()
      outcomes.push(
        typeof placed === 'string' ? placed : await this.#unknown(placed.envelope, from),
      )
    }
    await flush()
    for (const outcome of outcomes) this.counts.set(outcome, (this.counts.get(outcome) ?? 0) + 1)
    return outcomes
  }

  async #unknown(envelope: Envelope, from: Source): Promise<Outcome> {
    if (envelope.kind !== 'first') return 'no-session'
    // Before it waits for its turn and the store is asked: a flood must cost as little as can be.
    if (!this.#limits.allows(from.origin)) return 'store-full'
    try {
      return await this.#lock.run('accept', () => this.#accept(envelope, from))
    } catch (error) {
      if (error instanceof StoreError) return 'store-full'
      throw error
    }
  }

  /** Cheap checks first: known ephemeral key, known prekeys, rate; then Diffie-Hellman and KEM (docs/protocol.md, "First message"). */
  async #accept(envelope: FirstEnvelope, from: Source): Promise<Outcome> {
    const { book, ownKeys } = this.#init
    await book.recover()
    await ownKeys.recoverOneTime()
    const again = from.route(envelope)
    if (again === 'store-full') return again
    if (again?.recognises(envelope) === true) {
      return (await again.receive([envelope], from.way))[0] ?? 'store-full'
    }
    const marker = keys.handshake(hash(32, 'accepted key', envelope.ephemeralKey))
    // The session that this handshake made is gone, with whatever it could open: it is not made again, and what comes for it is
    // not confirmed, since it may never have been opened.
    if ((await soundly(this.#init.records, marker)) !== undefined) return 'no-session'
    const prekeys = this.#prekeysFor(envelope, from)
    if (prekeys === undefined) return 'unknown-prekey'
    if (this.#crowdedFor(from.sender) || this.#isBlocked(from.sender)) return 'blocked'
    if (this.#hasTakenEnoughFrom(from.sender)) return 'store-full'
    if (!this.#limits.take(from.origin)) return 'store-full'
    const accepted = this.#open(envelope, prekeys)
    if (typeof accepted === 'string') return accepted
    const outcome = await book.exclusively(() => this.#adopt(envelope, accepted, marker, from))
    if (outcome !== 'opened') wipeAll(sessionSecrets(accepted.session))
    return outcome
  }

  #prekeysFor(envelope: FirstEnvelope, { way }: Source): NamedPrekeys | undefined {
    const { signedPrekeyId, kemId, oneTime } = envelope
    const prekeys = this.#init.ownKeys.prekeysFor({ signedPrekeyId, kemId, oneTime })
    if (prekeys === undefined) return undefined
    // By mailbox it may have waited; on a stream it has just been made, from a bundle that had lapsed.
    const lapsed = prekeys.acceptUntil + CLOCK_MARGIN < this.#init.clock.now()
    return lapsed && way.arrival === 'direct' ? undefined : prekeys
  }

  #crowdedFor(account: AccountKey | undefined): boolean {
    const { book } = this.#init
    return account !== undefined && book.byAccount(account) === undefined && book.crowded
  }

  #isBlocked(account: AccountKey | undefined): boolean {
    return account !== undefined && this.#init.book.byAccount(account)?.contact.state === 'blocked'
  }

  /** Before anything is computed, where the sender is known; by way of a mailbox the conversation finds out. */
  #hasTakenEnoughFrom(account: AccountKey | undefined): boolean {
    const conversation = account && this.#init.book.byAccount(account)
    return conversation !== undefined && !mayTake(conversation.contact, this.#init.clock.now())
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
    if (from.sender !== undefined && !equalBytes(from.sender, account)) return 'not-authentic'
    if (this.#crowdedFor(account)) return 'blocked'
    const { book, ownKeys, notes, onBrokenPromise } = this.#init
    const conversation = book.byAccount(account) ?? book.fresh(stranger(account))
    const spent = envelope.oneTime ? ownKeys.spendOneTime(envelope.kemId) : []
    const value = handshakeRecord(envelope, accepted, conversation.id)
    const came = { ...from.way, digest: envelope.digest }
    const committed = (): void => book.register(conversation)
    let outcome: Outcome | undefined
    try {
      const noted = await notes.look(accepted.items)
      const operations: readonly Operation[] = [
        { type: 'put', key: marker, value },
        ...spent,
        ...noted.operations,
      ]
      outcome = await conversation.adopt(accepted, { ...came, operations, committed })
      if (outcome === 'opened' && noted.broken !== undefined) onBrokenPromise(noted.broken)
      return outcome
    } finally {
      if (outcome === 'opened') ownKeys.forgetOneTime(envelope.kemId)
      else ownKeys.restoreOneTime(envelope.kemId)
    }
  }
}

interface Source {
  readonly way: Way
  /** 'store-full': not looked for, it has to come again. */
  readonly route: (envelope: Envelope) => Conversation | 'store-full' | undefined
  /** Whom the stream is with; undefined by way of a mailbox. */
  readonly sender: AccountKey | undefined
  /** What handshakes are limited by. */
  readonly origin: Origin
  /** Told of mail of a contact that opened. */
  readonly opened: (conversation: Conversation) => void
}

/** Envelopes in a row that belong to one conversation. */
interface Run {
  readonly conversation: Conversation
  readonly way: Way
  readonly envelopes: Envelope[]
  /** Of each envelope. */
  readonly sources: Source[]
}

interface Placed {
  readonly envelope: Envelope
  /** Whose sessions it belongs to, if it belongs to any. */
  readonly conversation: Conversation | undefined
}

function place(bytes: Uint8Array, { route }: Source): Placed | Outcome {
  const envelope = framed(bytes)
  if (typeof envelope === 'string') return envelope
  const found = route(envelope)
  if (found === 'store-full') return found
  const known = found !== undefined && belongs(found, envelope)
  return { envelope, conversation: known ? found : undefined }
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
      version: RECORD_VERSION,
      contact,
      sessionId: accepted.session.id,
      signedPrekeyId: envelope.signedPrekeyId,
      kemPrekeyId: envelope.kemId,
    }),
  )
}
