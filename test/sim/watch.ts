// What is seen of a run from outside, while it happens: frames that leave, records that are durable, and what the nodes tell.
import { hash } from '../../protocol/crypto.ts'
import { equalBytes, toHex } from '../../protocol/bytes.ts'
import { readEnvelope, type Envelope } from '../../protocol/envelope.ts'
import { isTaggedBy, openHeader } from '../../protocol/header.ts'
import { MAILBOX_PROTOCOL, DIRECT_PROTOCOL } from '../../net/names.ts'
import { decodeMailboxFrame } from '../../net/mailbox-messages.ts'
import type { PeerName } from '../../net/ports.ts'
import type { EventOf } from '../../node/api.ts'
import type { ChatNode } from '../../node/chat-node.ts'
import { decodeDirectFrame } from '../../node/direct-frames.ts'
import type { FrameInTransit } from '../support/memory-wire.ts'
import type { Batch } from './disk.ts'
import type { SimClock } from './clock.ts'
import type { Mailbox, Person } from './people.ts'
import type { Trace } from './trace.ts'

export interface WatchInit {
  readonly clock: SimClock
  readonly trace: Trace
  readonly people: () => readonly Person[]
  readonly mailboxes: () => readonly Mailbox[]
}

/** A message that `send` was asked for. */
export interface Attempt {
  readonly from: Person
  readonly to: Person
  readonly text: string
  /** Set when `send` has said that the message is accepted. */
  id: string | undefined
}

export class Watch {
  readonly attempts: Attempt[] = []
  /** What was not so at the moment when it had to be. */
  readonly problems: string[] = []
  /** Envelopes of which the position in their chain was seen. */
  positionsSeen = 0
  readonly #init: WatchInit
  /** The digest of the envelope at each position of each sending chain. */
  readonly #positions = new Map<string, string>()
  /** Under which deposit ids envelopes of a message were left, by its id. */
  readonly #deposits = new Map<string, Set<string>>()
  /** Which one-time pair a first message names, by the name of the record that says it was accepted. */
  readonly #pairs = new Map<string, number>()
  /** The record of the first message that was accepted with a pair, by recipient and pair. */
  readonly #accepted = new Map<string, string>()

  constructor(init: WatchInit) {
    this.#init = init
  }

  frame({ from, protocol, frame }: FrameInTransit, sender: PeerName): void {
    const { clock, trace } = this.#init
    trace.add(clock.now(), from, frame)
    const person = this.#init.people().find(({ peer }) => peer === sender)
    const bytes = this.#envelopeIn(protocol, frame, person)
    if (bytes === undefined) return
    const envelope = readEnvelope(bytes)
    if (envelope.kind === 'first' && envelope.oneTime) {
      const marker = toHex(hash(32, 'accepted key', envelope.ephemeralKey))
      this.#pairs.set(`handshake/${marker}`, envelope.kemId)
    }
    if (person !== undefined) this.#position(person, envelope)
  }

  #envelopeIn(
    protocol: string,
    frame: Uint8Array,
    sender: Person | undefined,
  ): Uint8Array | undefined {
    if (protocol === DIRECT_PROTOCOL) {
      const message = decodeDirectFrame(frame)
      return message.kind === 'deliver' ? message.envelope : undefined
    }
    if (protocol !== MAILBOX_PROTOCOL) return undefined
    const { body } = decodeMailboxFrame(frame)
    if (body.case !== 'deposit') return undefined
    const { depositId, envelope } = body.value
    const message = sender === undefined ? undefined : messageOf(sender, envelope)
    if (message !== undefined) {
      const ids = this.#deposits.get(message) ?? new Set()
      this.#deposits.set(message, ids.add(toHex(depositId)))
    }
    return envelope
  }

  /** No position of a chain is ever used for two envelopes. */
  #position(person: Person, envelope: Envelope): void {
    const sessions = person.core.book.all().flatMap((conversation) => conversation.sessions)
    for (const { ratchet } of sessions) {
      const keys = ratchet.sending?.headerKeys
      if (keys === undefined || !isTaggedBy(keys, envelope)) continue
      const { ratchetKey, number } = openHeader(keys, envelope)
      const digest = toHex(envelope.digest)
      const position = `${toHex(ratchetKey)} ${number}`
      const before = this.#positions.get(position)
      if (before !== undefined && before !== digest && !person.isUnaware)
        this.problem(`${person.name} used a position twice`)
      this.#positions.set(position, digest)
      this.positionsSeen++
    }
  }

  /** No one-time pair is ever accepted twice, but by whoever does not know that it went back to a copy in which it is unused. */
  durable(peer: PeerName, batch: Batch): void {
    if (this.#init.people().some((person) => person.peer === peer && person.isUnaware)) return
    for (const { type, key } of batch) {
      const pair = type === 'put' ? this.#pairs.get(key) : undefined
      if (pair === undefined) continue
      const name = `${peer} ${pair}`
      const before = this.#accepted.get(name)
      if (before !== undefined && before !== key) this.problem(`pair ${pair} was accepted twice`)
      this.#accepted.set(name, key)
    }
  }

  /** Listens to what a node tells. */
  node(person: Person, node: ChatNode): void {
    const { process } = person
    node.on('message.state', (event) => {
      if (process.alive) this.#state(person, event)
    })
    node.on('node.recovery', ({ reason }) => {
      if (!person.isHurt) this.problem(`${person.name} was told that its store is hurt: ${reason}`)
    })
    node.on('message.received', ({ message }) => {
      this.#init.trace.add(this.#init.clock.now(), person.name, message.text)
      if (isDurable(person, 'id/in/', message.id)) return
      this.problem(`${person.name} was shown ${message.text} before it was on the disk`)
    })
  }

  /** `send` has accepted a message: it is on the disk. */
  accepted(attempt: Attempt, id: string): void {
    attempt.id = id
    if (!isDurable(attempt.from, 'id/out/', id))
      this.problem(`${attempt.text} was accepted too early`)
  }

  #state(person: Person, { messageId, contact, to, path }: EventOf<'message.state'>): void {
    this.#init.trace.add(this.#init.clock.now(), person.name, messageId, to)
    const { peer } = person.node.contacts.get(contact.id)
    const recipient = this.#init.people().find((other) => other.peer === peer)
    if (recipient === undefined) return
    if (to === 'delivered' && !isDurable(recipient, 'id/in/', messageId)) {
      this.problem(`${person.name} was told of a delivery before ${recipient.name} had it`)
    }
    if (to === 'stored' && path === 'mailbox') this.#stored(person, messageId)
  }

  /** Whoever says that a mailbox holds a message: it does, in an envelope of now or of before. */
  #stored(person: Person, id: string): void {
    const ids = this.#deposits.get(id) ?? new Set()
    if (!this.#init.mailboxes().every(({ isHonest }) => isHonest)) return
    const isHeld = this.#init
      .mailboxes()
      .some(({ disk }) =>
        [...disk.everDurable].some(
          (key) =>
            key.startsWith('mailbox/receipt/') && ids.has(key.slice(key.lastIndexOf('/') + 1)),
        ),
      )
    if (!isHeld) this.problem(`${person.name} was told that a mailbox holds what none held`)
  }

  problem(what: string): void {
    this.problems.push(what)
  }
}

/** The id of the message that an envelope in somebody's outbox is for. */
function messageOf({ core }: Person, envelope: Uint8Array): string | undefined {
  for (const { outbox } of core.book.all()) {
    for (const entry of outbox.values()) {
      const isIt = entry.envelope !== undefined && equalBytes(entry.envelope, envelope)
      if (isIt) return `m_${toHex(entry.messageId)}`
    }
  }
  return undefined
}

function isDurable({ disk }: Person, prefix: string, messageId: string): boolean {
  const id = messageId.slice('m_'.length)
  return [...disk.everDurable].some((key) => key.startsWith(prefix) && key.endsWith(id))
}
