/** Parsers that need the keys of a session: what is sealed in envelopes, and what sessions are stored as. */
import { concat, equalBytes, fromHex } from '../../../protocol/bytes.ts'
import { provenBy } from '../../../protocol/continuity.ts'
import { aeadSeal, deriveSecret, importSecret, keyedHash } from '../../../protocol/crypto.ts'
import { envelopeBodyDigest, readEnvelope } from '../../../protocol/envelope.ts'
import { CryptoError, DecodeError, RecordError, SessionError } from '../../../protocol/errors.ts'
import { envelopeTag, sealHeader } from '../../../protocol/header.ts'
import { openIdentity } from '../../../protocol/hidden-identity.ts'
import { openMessage } from '../../../protocol/open-message.ts'
import { decodeBody, itemKinds } from '../../../protocol/padding.ts'
import { sendingEpoch } from '../../../protocol/post-quantum.ts'
import { ratchetEncrypt } from '../../../protocol/ratchet.ts'
import type { Session } from '../../../protocol/session.ts'
import { acceptSession } from '../../../protocol/session.ts'
import { decodeSession, encodeSession, encodeSkippedKey } from '../../../protocol/session-codec.ts'
import { seededRandom } from '../../support/random.ts'
import { handshakeFields } from '../../make-vectors/handshake.ts'
import { NOW, person } from '../../make-vectors/people.ts'
import { ratchetVectors, storedVectors } from '../../make-vectors/stories.ts'
import { Transcript } from '../../make-vectors/transcript.ts'
import type { Parser } from '../parser.ts'
import { CampaignError, parser } from '../parser.ts'

/** libsodium must be ready. */
export function sessionParsers(): readonly Parser[] {
  return [...sealed(), ...first(), ...stored()]
}

const random = seededRandom('campaign')
const time = { now: NOW + 5, random }
const ERRORS = [DecodeError, SessionError] as const

/** A session in which B has offered a key and A has answered it. */
function sealed(): readonly Parser[] {
  const talk = new Transcript('campaign', 'one-time')
  talk.receive('B', talk.send('A', 'hello'))
  talk.receive('A', talk.send('B', 'hello'))
  const late = [talk.send('A', 'one'), talk.send('A', 'two')].map((step) => talk.envelope(step))
  talk.receive('B', talk.send('A', 'three'))
  const [a, b] = [talk.session('A'), talk.session('B')]
  const before = new Transcript('campaign before', 'one-time')
  before.receive('B', before.send('A', 'hello'))
  return [
    {
      ...envelopeParser('envelope of a session', b, late),
      covers: ['protocol openMessage', 'protocol openMatched'],
    },
    bodyParser('body from a hostile contact, to who has switched', a, b),
    bodyParser('body from a hostile contact, to who has answered', b, a),
    bodyParser('body from a hostile contact, to who has offered', before.session('A'), offering()),
    headerParser(a, b),
    continuityParser(a, b),
  ]
}

/** A responder that waits for an answer. */
function offering(): Session {
  const talk = new Transcript('campaign before', 'one-time')
  talk.receive('B', talk.send('A', 'hello'))
  talk.send('B', 'offers')
  return talk.session('B')
}

function envelopeParser(name: string, to: Session, examples: readonly Uint8Array[]): Parser {
  return parser({
    ...{ name, covers: [], shape: 'bytes', examples, errors: ERRORS, accepted: 'authentic' },
    read: (input) => openMessage(to, readEnvelope(input), time).content,
  })
}

/** A padded body under the right keys: what comes out can be stored, and has the content that was sealed. */
function bodyParser(name: string, from: Session, to: Session): Parser {
  const examples = ratchetVectors().transcripts.flatMap(({ steps }) =>
    steps.flatMap((step) =>
      step.do === 'send' && step.keys ? [fromHex(step.keys.paddedBody)] : [],
    ),
  )
  return parser({
    ...{ name, covers: [], shape: 'bytes', examples, errors: ERRORS },
    read: (input) => {
      const envelope = sealBody(from, input)
      const opened = openMessage(to, readEnvelope(envelope), time)
      const { next, content, items, skippedAdded } = opened
      const isSame = equalBytes(content, decodeBody(input).content)
      if (!isSame || items.some(({ kind }) => kind < itemKinds.statement)) {
        throw new CampaignError('opened as something else')
      }
      const bytes = encodeSession(next)
      const again = decodeSession(bytes, skippedAdded.map(encodeSkippedKey))
      if (!equalBytes(encodeSession(again), bytes))
        throw new CampaignError('is not stored as it is')
    },
  })
}

function sealBody(from: Session, paddedBody: Uint8Array): Uint8Array {
  const { ratchet, associatedData, postQuantum } = from
  const prefix = from.phase === 'initiating' ? from.prefix : Uint8Array.of(1, 1)
  const epoch = sendingEpoch(postQuantum)
  return ratchetEncrypt(ratchet, { paddedBody, prefix, associatedData, epoch }, random).envelope
}

/** A header under the right key, before a body that is not. */
function headerParser(from: Session, to: Session): Parser {
  const { headerKeys } = from.ratchet.sending
  const body = new Uint8Array(272).fill(7)
  const [prefix, salt] = [Uint8Array.of(1, 1), new Uint8Array(16)]
  const headers = ratchetVectors().transcripts.flatMap(({ steps }) =>
    steps.flatMap((step) => (step.do === 'send' && step.keys ? [step.keys.header.bytes] : [])),
  )
  const ours = concat(from.ratchet.ratchetKeyPair.publicKey, new Uint8Array(12))
  return parser({
    name: 'header from a hostile contact',
    covers: ['protocol decodeHeader', 'protocol openHeader'],
    ...{ shape: 'bytes', examples: [ours, ours, ...headers.map(fromHex)], maxBytes: 60 },
    ...{ errors: ERRORS },
    read: (input) => {
      const header = new Uint8Array(44)
      header.set(input.subarray(0, 44))
      const sealedHeader = sealHeader(headerKeys, salt, prefix, header)
      const digest = envelopeBodyDigest(prefix, sealedHeader, body)
      const tag = envelopeTag(headerKeys, salt, digest)
      openMessage(to, readEnvelope(concat(prefix, salt, tag, sealedHeader, body)), time)
      throw new CampaignError('opened')
    },
  })
}

function continuityParser(from: Session, to: Session): Parser {
  const { continuityKey, number } = from.postQuantum.epoch
  const transcript = new Uint8Array(64).fill(9)
  const place = concat(from.id, new Uint8Array([0, 0, 0, number]), transcript)
  const proof = keyedHash(32, continuityKey, 'continuity', place)
  const newer = { ...to, id: new Uint8Array(32) as Session['id'], associatedData: transcript }
  return parser({
    name: 'proof of continuity',
    ...{ covers: ['protocol provenBy'], shape: 'bytes', maxBytes: 60 },
    examples: [concat(new Uint8Array([0, 0, 0, number]), proof)],
    ...{ errors: [DecodeError], accepted: 'authentic' },
    read: (input) => {
      if (input.length !== 36) throw new DecodeError('ERR_MALFORMED') // as padded bodies see to it
      const item = { kind: itemKinds.continuity, value: input }
      if (provenBy(newer, [item], [to]) === undefined) throw new DecodeError('ERR_MALFORMED')
    },
  })
}

/** First messages, and what is hidden in them. */
function first(): readonly Parser[] {
  const handshakes = (['last-resort', 'one-time'] as const).map(handshakeFields)
  const envelopes = (['last-resort', 'one-time'] as const).map((name) => {
    const talk = new Transcript(`campaign ${name}`, name)
    return talk.envelope(talk.send('A', 'hello'))
  })
  const { device, signedPrekey: signed, kemPrekey: kem, pair, bundle } = person('responder')
  const prekeys = { signed, kem, oneTime: pair }
  const [vector] = handshakes
  if (vector === undefined) throw new Error('no handshake')
  const [T0, P0] = [fromHex(vector.T0), fromHex(vector.P0)]
  const key = deriveSecret('KID', 32, importSecret('P0', P0.slice()), 'identity key')
  const salt = new Uint8Array(16).fill(3)
  return [
    parser({
      name: 'first message',
      covers: ['protocol acceptSession'],
      ...{ shape: 'bytes', examples: envelopes, errors: ERRORS, accepted: 'authentic' },
      read: (input) => {
        const envelope = readEnvelope(input)
        if (envelope.kind !== 'first') throw new SessionError('ERR_NO_SESSION')
        const bundleKnown = (sequence: number): boolean => sequence === bundle.sequence
        return acceptSession({ ours: device, prekeys, envelope, bundleKnown, ...time }).content
      },
    }),
    parser({
      name: 'identity hidden by a hostile initiator',
      covers: ['protocol openIdentity'],
      ...{ shape: 'bytes', examples: handshakes.map(({ IDP }) => fromHex(IDP)) },
      errors: [DecodeError, RecordError, CryptoError],
      read: (input) => {
        const hidden = concat(salt, aeadSeal(key, salt, T0, input))
        return openIdentity(importSecret('IdentitySecret', P0.slice()), T0, hidden, NOW)
      },
    }),
  ]
}

/** What is in the store of a node, once it is unsealed. */
function stored(): readonly Parser[] {
  const states = storedVectors().transcripts.flatMap(({ states: all }) => all)
  const records = states.flatMap((state) => Object.values(state.records)).map(fromHex)
  const sessions = states.map(({ session }) => fromHex(session))
  const [plain] = sessions
  if (plain === undefined) throw new Error('nothing is stored')
  return [
    parser({
      name: 'stored session',
      covers: ['protocol decodeSession', 'protocol readPostQuantum'],
      ...{ shape: 'protobuf', examples: sessions, maxBytes: 9000, errors: [DecodeError] },
      ...{ accepted: 'exact', write: encodeSession },
      read: (input) => decodeSession(input, []),
    }),
    parser({
      ...{ name: 'record beside a stored session', covers: [], shape: 'protobuf' },
      ...{ examples: records, errors: [DecodeError], accepted: 'exact' },
      read: (input) => {
        const { skipped, retired, marks } = decodeSession(plain, [input]).ratchet
        return [...skipped, ...retired, ...marks]
      },
      write: (read) => concat(...read.map(encodeSkippedKey)),
    }),
  ]
}
