/** Parsers of what node and mailbox keep, and of the frames that a node reads. */
import {
  decodeExpiry,
  decodeFormer,
  decodeItem,
  decodeMember,
  decodePair as decodeShelfPair,
  decodePolicy,
  decodeReceipt,
  decodeTime,
  decodeTokens,
  encodeExpiry,
  encodeFormer,
  encodeItem,
  encodeMember,
  encodePair as encodeShelfPair,
  encodePolicy,
  encodeReceipt,
  encodeTime,
  encodeTokens,
} from '../../../mailbox/level/stored.ts'
import type { Message } from '@bufbuild/protobuf'
import { toBinary } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import type { AccountKey } from '../../../protocol/account.ts'
import { decodeBox, encodeBox, newBox } from '../../../mailbox/conditional/box.ts'
import { parseAddress } from '../../../node/address.ts'
import { pointer, readPointer } from '../../../node/compose.ts'
import { decodeContact, encodeContact } from '../../../node/contact.ts'
import { decodeDirectFrame, encodeDirectFrame } from '../../../node/direct-frames.ts'
import { SottoError } from '../../../node/errors.ts'
import { decodeMessage, encodeMessage } from '../../../node/message.ts'
import { decodeEnrolment, putEnrolment } from '../../../node/enrolment.ts'
import { encodeGenerations, readGenerations } from '../../../node/generations.ts'
import { openMark, sealMark } from '../../../node/marks.ts'
import { decodeRecovery, encodeRecovery } from '../../../node/recovery-note.ts'
import { decodeEntry, putEntry } from '../../../node/outbox.ts'
import {
  decodeDevice,
  decodeGeneration,
  decodeIssuedBundle,
  decodePair,
  encodeDevice,
  encodeGeneration,
  encodeIssuedBundle,
  encodePair,
} from '../../../node/own-codec.ts'
import { readDamage } from '../../../node/stored-damage.ts'
import { readGapState } from '../../../node/stored-gaps.ts'
import { decodeRecord } from '../../../node/stored-record.ts'
import type { Operation } from '../../../net/records.ts'
import { importSecret } from '../../../protocol/crypto.ts'
import { equalBytes, utf8 } from '../../../protocol/bytes.ts'
import { CryptoError, DecodeError, RecordError } from '../../../protocol/errors.ts'
import { DirectFrameSchema } from '../../../protocol/generated/direct_pb.ts'
import {
  OwnBundleSchema,
  OwnClockSchema,
  OwnDeviceSchema,
  OwnMailboxSchema,
  OwnOneTimePairSchema,
  OwnPrekeysSchema,
} from '../../../protocol/generated/own_pb.ts'
import {
  ContactRecordSchema,
  EventRecordSchema,
  HandshakeRecordSchema,
  MessageRecordSchema,
  OutboxRecordSchema,
} from '../../../protocol/generated/store_pb.ts'
import { encodeContactLink } from '../../../protocol/link.ts'
import { ADDRESSES, NOW, account, person } from '../../make-vectors/people.ts'
import { peerName } from '../../../net/peer-name.ts'
import { Dice } from '../dice.ts'
import { exampleMessage, textOf } from '../examples.ts'
import type { Parser } from '../parser.ts'
import { parser } from '../parser.ts'

const FLOW = { accepted: 9, acknowledged: 4, expired: 3, removed: 1 }

/** libsodium must be ready. */
export function storeParsers(): readonly Parser[] {
  const { key } = account('contact')
  return [...conversations(key), ...others(key), ...ownKeys(), ...mailbox(key), ...wire(key)]
}

const dice = new Dice('examples of stored records')
const version = 1

function conversations(key: AccountKey): readonly Parser[] {
  const shape = 'protobuf'
  const contact = exampleMessage(ContactRecordSchema, dice, {
    ...{ version, account: key, mailboxes: [{ account: key, addresses: ['/ip4/1.2.3.4/tcp/1'] }] },
    ...{ state: 2, trust: 2, bundlePath: 1, bundle: person('responder').bundle.bytes },
    tokens: [{ mailbox: key, slot: 1, token: dice.bytes(32), previous: dice.bytes(32) }],
    theirTokens: [{ mailbox: key, token: dice.bytes(32) }],
  })
  const messageId = new Uint8Array(16)
  const outboxKey = 'outbox/c_1/000000000000000a'
  return [
    parser({
      ...{ name: 'stored contact', shape, examples: [contact], errors: [DecodeError, CryptoError] },
      covers: [
        ...['node decodeContact', 'node readHandshakes'],
        ...['node readRenewal', 'node readSeries'],
        ...['node readGap', 'node readTokens'],
      ],
      read: (input) => decodeContact('c_1', input, NOW),
      write: encodeContact,
    }),
    parser({
      name: 'stored message',
      covers: [...['node decodeMessage', 'node decodeStateChange'], 'node readProtection'],
      ...{ shape, errors: [DecodeError], read: decodeMessage, write: encodeMessage },
      examples: [exampleMessage(MessageRecordSchema, dice, { version, messageId })],
    }),
    parser({
      ...{ name: 'outbox entry', covers: ['node decodeEntry'], shape },
      examples: [exampleMessage(OutboxRecordSchema, dice, { version })],
      errors: [DecodeError],
      read: (input) => decodeEntry(outboxKey, input),
      write: (entry) => {
        return written(putEntry('c_1', entry))
      },
    }),
  ]
}

function markParser(account: AccountKey): Parser {
  const place = { key: importSecret('MarkKey', dice.bytes(32)), account, mailbox: account }
  const mark = sealMark(place, { number: 7, hash: dice.bytes(16) }, (length) => dice.bytes(length))
  return parser({
    ...{ name: 'mark of a store', covers: ['node openMark'], shape: 'bytes', examples: [mark] },
    ...{ maxBytes: 70, errors: [] },
    read: (input) => {
      const read = openMark(place, input)
      if (read !== undefined && !equalBytes(input, mark)) throw new Error('nobody sealed this')
      return read
    },
  })
}

function others(key: AccountKey): readonly Parser[] {
  const record = <Stored extends Message & { readonly version: number }>(
    name: string,
    schema: GenMessage<Stored>,
    fields: object = {},
  ): Parser =>
    parser({
      ...{ name: `stored ${name}`, covers: ['node decodeRecord'] },
      ...{ shape: 'protobuf', errors: [DecodeError] },
      examples: [exampleMessage(schema, dice, { version, ...fields })],
      read: (input) => decodeRecord(schema, input),
      write: (read) => toBinary(schema, read),
    })
  return [
    parser({
      ...{ name: 'pointer to a message', covers: ['node readPointer'], shape: 'bytes' },
      ...{ examples: [pointer('c_1', 7)], maxBytes: 60, errors: [DecodeError], accepted: 'exact' },
      read: readPointer,
      write: ({ contact, counter }) => pointer(contact, counter),
    }),
    parser({
      ...{ name: 'generations of sessions', covers: ['node readGenerations'], shape: 'bytes' },
      examples: [encodeGenerations(new Map([['ab'.repeat(32), 7]]))],
      ...{ maxBytes: 90, errors: [], read: readGenerations, write: encodeGenerations },
    }),
    markParser(key),
    parser({
      ...{ name: 'note of a recovery', covers: ['node decodeRecovery'], shape: 'bytes' },
      ...{ examples: [encodeRecovery({ reason: 'older', at: NOW })], maxBytes: 20, errors: [] },
      read: decodeRecovery,
      write: (read) => (read === undefined ? new Uint8Array(0) : encodeRecovery(read)),
    }),
    record('event', EventRecordSchema),
    record('accepted handshake', HandshakeRecordSchema),
    record('clock', OwnClockSchema),
    record('own mailbox', OwnMailboxSchema, { account: key }),
    parser({
      name: 'what a stored event tells',
      covers: ['node readGapState', 'node readDamage'],
      ...{ shape: 'protobuf', errors: [DecodeError] },
      examples: [
        exampleMessage(EventRecordSchema, dice, {
          ...{ version, gap: { first: 1n, last: 2n, state: 3 }, damage: { what: 1, count: 2 } },
        }),
      ],
      read: (input) => {
        const { gap, damage } = decodeRecord(EventRecordSchema, input)
        return { gap: gap && readGapState(gap), damage: damage && readDamage(damage) }
      },
    }),
  ]
}

function written(operation: Operation): Uint8Array {
  return operation.type === 'put' ? operation.value : new Uint8Array()
}

function ownKeys(): readonly Parser[] {
  const { device, pair } = person('responder')
  const certificate = device.certificate.bytes
  const secret = {
    identityKey: new Uint8Array(32).fill(1),
    signedPrekey: new Uint8Array(32).fill(2),
  }
  const seeds = { kemSeed: new Uint8Array(64).fill(3), oneTimePrekey: new Uint8Array(32).fill(4) }
  const prekeys = { version, ...secret, ...seeds, certificate, certificateIssuedAt: BigInt(NOW) }
  const common = { shape: 'protobuf', errors: [DecodeError, RecordError] } as const
  return [
    parser({
      ...{ name: 'own device', covers: ['node decodeDevice'], ...common },
      examples: [exampleMessage(OwnDeviceSchema, dice, { version, ...secret })],
      ...{ read: decodeDevice, write: encodeDevice },
    }),
    parser({
      ...{ name: 'own prekeys', covers: ['node decodeGeneration'], ...common },
      examples: [exampleMessage(OwnPrekeysSchema, dice, prekeys)],
      ...{ read: decodeGeneration, write: encodeGeneration },
    }),
    parser({
      ...{ name: 'own bundle', covers: ['node decodeIssuedBundle'], ...common },
      examples: [exampleMessage(OwnBundleSchema, dice, { version })],
      ...{ read: decodeIssuedBundle, write: encodeIssuedBundle },
    }),
    parser({
      ...{ name: 'own one-time pair', covers: ['node decodePair'], ...common },
      examples: [exampleMessage(OwnOneTimePairSchema, dice, { ...prekeys, signed: pair.signed })],
      ...{ read: decodePair, write: encodePair },
    }),
    parser({
      ...{ name: 'own mailbox', covers: ['node decodeEnrolment'], ...common },
      errors: [DecodeError, CryptoError],
      examples: [
        exampleMessage(OwnMailboxSchema, dice, {
          version,
          account: person('responder').account.key,
        }),
      ],
      read: decodeEnrolment,
      write: (one) => written(putEnrolment(one)),
    }),
  ]
}

function mailbox(key: AccountKey): readonly Parser[] {
  const record = <Value>(
    name: string,
    read: (input: Uint8Array) => Value,
    write: (value: Value) => Uint8Array,
    ...examples: readonly Value[]
  ): Parser =>
    parser<Value>({
      ...{ name: `mailbox record: ${name}`, covers: [`mailbox ${read.name}`] },
      ...{ shape: 'bytes', examples: examples.map(write), maxBytes: 120, errors: [DecodeError] },
      ...{ accepted: 'exact', read, write },
    })
  const [id, digest] = [new Uint8Array(16).fill(7), new Uint8Array(32).fill(8)]
  const strange = { strangerBytes: 1, strangerMessages: 1 }
  const counts = {
    bytes: 1,
    messages: 2,
    ...strange,
    receipts: 3,
    lastItem: 4,
    pairs: 5,
    lastPair: 6,
    flow: FLOW,
  }
  const signed = new Uint8Array(60).fill(9)
  return [
    record('member', decodeMember, encodeMember, { account: key, ...counts }),
    record('item', decodeItem, encodeItem, {
      depositId: id,
      takenAt: NOW,
      expiresAt: NOW,
      slot: 1,
      envelope: signed,
    }),
    record('tokens', decodeTokens, encodeTokens, [{ slot: 1, hash: digest }], []),
    record('receipt', decodeReceipt, encodeReceipt, { envelopeDigest: digest, keptUntil: NOW }),
    record('pair', decodeShelfPair, encodeShelfPair, {
      ...{ id: 5, expiresAt: NOW, shelfUntil: NOW, signed },
    }),
    record(
      ...(['expiry', decodeExpiry, encodeExpiry] as const),
      { kind: 'mail', member: 1, item: 2, depositId: id },
      { kind: 'pair', member: 1, place: 2 },
      { kind: 'taken', member: 1, pairId: 2 },
    ),
    record(
      ...(['policy', decodePolicy, encodePolicy] as const),
      { label: 'Zoë', status: 'suspended', quota: { bytes: 1, messages: 2 } },
      { label: '', status: 'active', quota: undefined },
    ),
    box(),
    record('former', decodeFormer, encodeFormer, { last: 7, flow: FLOW }),
    record('time', decodeTime, encodeTime, NOW),
  ]
}

/** The entry of a member on engines with conditional writes. What flags it does not know it passes over. */
function box(): Parser {
  const [id, blob, depositId] = ['01', '02', '03'].map((byte) => byte.repeat(16))
  const example = {
    ...newBox(id ?? ''),
    mail: [
      { id: 1, blob: blob ?? '', depositId: depositId ?? '', bytes: 400, takenAt: NOW, slot: 1 },
    ],
    tokens: [{ slot: 1, hash: new Uint8Array(32).fill(4) }],
    pairs: [{ id: 2, blob: blob ?? '', expiresAt: NOW }],
    ...{ bundle: blob, garbage: ['mailbox/blob/1', 'x'], lastItem: 3 },
  }
  return parser({
    ...{ name: 'mailbox entry of a member', covers: ['mailbox decodeBox'] },
    ...{ shape: 'bytes', examples: [encodeBox(example), encodeBox(newBox(id ?? ''))] },
    ...{ errors: [DecodeError], read: decodeBox, write: encodeBox },
  })
}

function wire(key: AccountKey): readonly Parser[] {
  const frames = Array.from({ length: 8 }, () => exampleMessage(DirectFrameSchema, dice))
  const link = { account: key, mailboxes: [{ account: key, address: ADDRESSES[0] ?? key }] }
  const texts = [encodeContactLink({ ...link, addresses: [] }), peerName(key), ' x ', '']
  return [
    parser({
      name: 'frame of direct delivery',
      covers: ['node decodeDirectFrame'],
      ...{ shape: 'protobuf', examples: frames, errors: [DecodeError] },
      ...{ read: decodeDirectFrame, write: encodeDirectFrame },
    }),
    parser({
      name: 'address that somebody types',
      ...{ covers: ['node parseAddress'], shape: 'bytes', maxBytes: 300 },
      ...{ examples: texts.map(utf8), errors: [SottoError] },
      read: (input) => parseAddress(textOf(input)),
    }),
  ]
}
