/** Transcripts: two sides that talk through the code, and what every step drew, made and kept. */
import { fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { importSecret } from '../../protocol/crypto.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { SessionError } from '../../protocol/errors.ts'
import type { Item } from '../../protocol/padding.ts'
import { startPostQuantum } from '../../protocol/post-quantum.ts'
import { wipeAll } from '../../protocol/secret.ts'
import type { CallerItem, Session } from '../../protocol/session.ts'
import { openMessage, tagMatches } from '../../protocol/open-message.ts'
import { acceptSession, encryptMessage } from '../../protocol/session.ts'
import { encodeSession, encodeSkippedKey, skippedKeyName } from '../../protocol/session-codec.ts'
import type { Begun, HandshakeName } from './handshake.ts'
import { begin, handshakeFields } from './handshake.ts'
import { NOW } from './people.ts'
import type { Receiving } from './received.ts'
import { receivedFields, receivingDraws } from './received.ts'
import type { Sending } from './sent.ts'
import { ridingIn, sendingDraws, sentBody, sentFields } from './sent.ts'
import { Draws, hex, there } from './values.ts'

/** A is the initiator of the handshake, B its responder. */
export type SideName = 'A' | 'B'

interface Side {
  session: Session | undefined
  readonly draws: Draws
  /** Records beside the session, by name. */
  readonly records: Map<string, Uint8Array>
}

/** A message that was sent in a step. */
interface InFlight {
  readonly envelope: Uint8Array
  /** All that rides in it. */
  readonly parts: readonly Item[]
}

/** One conversation, written down as it happens. */
export class Transcript {
  readonly steps: StepFields[] = []
  readonly stored: StoredFields[] = []
  now = NOW
  readonly #handshake: HandshakeName
  readonly #begun: Begun
  readonly isBrief: boolean
  readonly #sides: Readonly<Record<SideName, Side>>
  readonly #sent = new Map<number, InFlight>()
  readonly #kinds = new Set<string>()

  /** A brief one leaves out the keys of each step: what goes in and what comes out remains. */
  constructor(name: string, handshake: HandshakeName, { isBrief = false } = {}) {
    this.#handshake = handshake
    this.#begun = begin(handshake)
    this.isBrief = isBrief
    const side = (by: SideName, session: Session | undefined): Side => {
      return { session, draws: new Draws(`transcript ${name} ${by}`), records: new Map() }
    }
    this.#sides = { A: side('A', this.#begun.session), B: side('B', undefined) }
    this.#store('A')
  }

  /** The next message of a side; returns the number of its step. */
  send(by: SideName, text: string, items: readonly CallerItem[] = []): number {
    const side = this.#sides[by]
    const { now } = this
    const before = there(side.session)
    const message = { content: utf8(text), items }
    const sent = encryptMessage(before, message, { now, random: side.draws.random })
    const sending: Sending = { before, sent, draws: side.draws.take() }
    const step = this.steps.length
    this.#sent.set(step, { envelope: sent.envelope, parts: sentBody(sending).items })
    this.steps.push({
      ...{ step, do: 'send', by, now, content: hex(message.content), items: items.map(itemFields) },
      ...{ random: sendingDraws(sending.draws), riding: ridingIn(sending) },
      ...(this.isBrief ? {} : { keys: sentFields(sending) }),
      envelope: hex(sent.envelope),
    })
    side.session = sent.next
    wipeAll(sent.spent)
    this.#store(by)
    return step
  }

  /** The arrival of a message at a side, as it was sent or with one bit changed. */
  receive(by: SideName, message: number, flip?: number): void {
    const { envelope, parts } = there(this.#sent.get(message))
    const bytes = envelope.slice()
    if (flip !== undefined) bytes[flip >> 3] = there(bytes[flip >> 3]) ^ (1 << (flip & 7))
    const step = this.steps.length
    const head = { step, do: 'receive', by, now: this.now, message, flip } as const
    try {
      this.steps.push({ ...head, outcome: 'opened', ...this.#open(by, bytes, parts) })
      this.#store(by)
    } catch (error) {
      if (!(error instanceof SessionError)) throw error
      this.steps.push({ ...head, outcome: error.code })
    }
  }

  /** What was sent in a step. */
  envelope(step: number): Uint8Array {
    return there(this.#sent.get(step)).envelope
  }

  /** The session of a side as it is now. */
  session(by: SideName): Session {
    return there(this.#sides[by].session)
  }

  #open(by: SideName, bytes: Uint8Array, parts: readonly Item[]) {
    const side = this.#sides[by]
    const { session, draws } = side
    const { start, opened } = session === undefined ? this.#accept(bytes) : this.#openIn(by, bytes)
    const receiving: Receiving = { ...start, ...opened, session, parts, draws: draws.take() }
    const { content, items, position } = opened
    const fields = {
      ...{ content: hex(content), items: items.map(itemFields) },
      ...{ chain: position.chain, N: position.number, random: receivingDraws(receiving) },
      ...(this.isBrief ? {} : { did: receivedFields(receiving) }),
    }
    side.session = opened.next
    for (const id of opened.removed) side.records.delete(skippedKeyName(id))
    for (const one of opened.added) side.records.set(skippedKeyName(one), encodeSkippedKey(one))
    wipeAll(opened.spent)
    return fields
  }

  #openIn(by: SideName, bytes: Uint8Array) {
    const side = this.#sides[by]
    const envelope = readEnvelope(bytes)
    const session = there(side.session)
    if (tagMatches([session], envelope) === undefined) throw new SessionError('ERR_NO_SESSION')
    const { random } = side.draws
    const { skippedAdded, skippedRemoved, ...opened } = openMessage(session, envelope, {
      ...{ now: this.now, random },
    })
    const { rootKey, ratchetKeyPair } = session.ratchet
    return {
      start: { rootKey, privateKey: ratchetKeyPair.privateKey, before: session.postQuantum },
      opened: { ...opened, added: skippedAdded, removed: skippedRemoved },
    }
  }

  /** The first message that comes to B. */
  #accept(bytes: Uint8Array) {
    const { responder } = this.#begun
    const { SK, E_0 } = handshakeFields(this.#handshake)
    const { device: ours, signedPrekey: signed, kemPrekey: kem, pair: oneTime } = responder
    const envelope = readEnvelope(bytes)
    if (envelope.kind !== 'first') throw new SessionError('ERR_NO_SESSION')
    const { session: next, ...accepted } = acceptSession({
      ...{ ours, envelope, now: this.now, random: this.#sides.B.draws.random },
      prekeys: { signed, kem, oneTime },
      bundleKnown: (sequence) => sequence === responder.bundle.sequence,
    })
    const epochSecret = importSecret('EpochSecret', fromHex(E_0))
    const start = {
      rootKey: importSecret('RootKey', fromHex(SK)),
      privateKey: signed.keyPair.privateKey,
      before: startPostQuantum(epochSecret, 2, this.now),
    }
    // The private halves stay for other transcripts: `person` makes them anew each time.
    return { start, opened: { ...accepted, next, added: accepted.skippedAdded, removed: [] } }
  }

  /** Keeps what a side would store, where there is something new to it. */
  #store(by: SideName): void {
    const { session, records } = this.#sides[by]
    if (session === undefined) return
    const letters = [...new Set([...records.keys()].map((name) => name.charAt(0)))].toSorted()
    const { phase, postQuantum } = session
    const kind = `${by} ${phase} ${postQuantum.phase} ${letters.join('')}`
    if (this.#kinds.has(kind)) return
    this.#kinds.add(kind)
    this.stored.push({
      ...{ afterStep: this.steps.length - 1, side: by, phase, postQuantum: postQuantum.phase },
      session: hex(encodeSession(session)),
      records: Object.fromEntries([...records].map(([name, bytes]) => [name, toHex(bytes)])),
    })
  }
}

function itemFields({ kind, value }: Item) {
  return { kind, value: hex(value) }
}

type ItemFields = ReturnType<typeof itemFields>

/** A step as it stands in the file. */
export type StepFields = SendFields | ReceiveFields

interface Head {
  readonly step: number
  readonly by: SideName
  readonly now: number
}

export interface SendFields extends Head {
  readonly do: 'send'
  readonly content: string
  /** Those that the caller added. */
  readonly items: readonly ItemFields[]
  readonly random: ReturnType<typeof sendingDraws>
  readonly riding: ReturnType<typeof ridingIn>
  readonly keys?: ReturnType<typeof sentFields>
  readonly envelope: string
}

export interface ReceiveFields extends Head {
  readonly do: 'receive'
  /** The step that sent it. */
  readonly message: number
  /** Number of the bit that was changed on the way. */
  readonly flip: number | undefined
  readonly outcome: string
  readonly content?: string
  readonly items?: readonly ItemFields[]
  readonly chain?: number
  readonly N?: number
  readonly random?: ReturnType<typeof receivingDraws>
  readonly did?: ReturnType<typeof receivedFields>
}

/** What one side has in its store. */
export interface StoredFields {
  readonly afterStep: number
  readonly side: SideName
  readonly phase: string
  readonly postQuantum: string
  readonly session: string
  readonly records: Readonly<Record<string, string>>
}
