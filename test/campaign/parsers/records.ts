/** Parsers of what accounts sign: as it is, and with payloads that a hostile owner of the key has signed. */
import type { Account } from '../../../protocol/account.ts'
import { bundleKey, verifyBundle } from '../../../protocol/bundle.ts'
import { concat, fromHex } from '../../../protocol/bytes.ts'
import { verifyHandOut, verifyLogin, verifyRetirement } from '../../../protocol/custody.ts'
import { openReceipt, verifyCustody } from '../../../protocol/receipt.ts'
import { verifyDeviceCertificate } from '../../../protocol/device.ts'
import { DecodeError, RecordError } from '../../../protocol/errors.ts'
import type { Domain } from '../../../protocol/labels.ts'
import { domains } from '../../../protocol/labels.ts'
import { verifyOneTimePair } from '../../../protocol/prekeys.ts'
import { openEnvelope, sealEnvelope } from '../../../protocol/signed-envelope.ts'
import { RecordPolicy } from '../../../net/dht-policy.ts'
import type { Clock } from '../../../net/ports.ts'
import { NOW, account, mailboxName, person } from '../../make-vectors/people.ts'
import { recordVectors } from '../../make-vectors/records.ts'
import type { Parser } from '../parser.ts'
import { parser } from '../parser.ts'

/** libsodium must be ready. */
export function recordParsers(): readonly Parser[] {
  return [...signedRecords().flatMap(bothWays), ...receiptParsers(), dhtRecord()]
}

/** A record, and who reads it. */
interface Signed {
  readonly name: string
  readonly covers: readonly string[]
  readonly domain: Domain
  readonly by: Account
  readonly shape: 'bytes' | 'protobuf'
  readonly bytes: Uint8Array
  readonly payload: Uint8Array
  readonly read: (signed: Uint8Array) => unknown
}

function signedRecords(): readonly Signed[] {
  const vectors = recordVectors()
  const owner = person('responder').account
  const mailbox = account(mailboxName)
  const of = ({ bytes, payload }: { readonly bytes: string; readonly payload: string }) => {
    return { bytes: fromHex(bytes), payload: fromHex(payload) }
  }
  const { certificate, oneTimePair, bundle, login, custody, handOut, retirement } = vectors
  const nonces = {
    mailbox: mailbox.key,
    mailboxNonce: fromHex(login.fields.mailboxNonce),
    ownerNonce: fromHex(login.fields.ownerNonce),
    instanceId: fromHex(login.fields.instanceId),
  }
  const expected = { account: owner.key, now: NOW }
  const ofMailbox = { mailbox: mailbox.key, owner: owner.key }
  const [first] = receipts()
  const promised = expectedCustody()
  const way = (first ?? new Uint8Array()).subarray(0, -custody.bytes.length / 2)
  return [
    {
      ...{ name: 'device certificate', covers: ['protocol verifyDeviceCertificate'] },
      ...{ domain: domains.device, by: owner, shape: 'bytes', ...of(certificate) },
      read: (signed) => verifyDeviceCertificate(signed, NOW),
    },
    {
      ...{ name: 'one-time pair', covers: ['protocol verifyOneTimePair'] },
      ...{ domain: domains.oneTime, by: owner, shape: 'bytes', ...of(oneTimePair) },
      read: (signed) => verifyOneTimePair(signed, expected),
    },
    {
      ...{ name: 'bundle', covers: ['protocol verifyBundle'] },
      ...{ domain: domains.bundle, by: owner, shape: 'protobuf', ...of(bundle) },
      read: (signed) => verifyBundle(signed, expected),
    },
    {
      ...{ name: 'login', covers: ['protocol verifyLogin'] },
      ...{ domain: domains.mailboxLogin, by: owner, shape: 'protobuf', ...of(login) },
      read: (signed) => verifyLogin(signed, nonces),
    },
    {
      ...{ name: 'root of receipts', covers: ['protocol verifyCustody'] },
      ...{ domain: domains.custody, by: mailbox, shape: 'protobuf', ...of(custody) },
      read: (signed) => verifyCustody(concat(way, signed), promised),
    },
    {
      ...{ name: 'hand-out note', covers: ['protocol verifyHandOut'] },
      ...{ domain: domains.handOut, by: mailbox, shape: 'protobuf', ...of(handOut) },
      read: (signed) => verifyHandOut(signed, ofMailbox),
    },
    {
      ...{ name: 'retirement notice', covers: ['protocol verifyRetirement'] },
      ...{ domain: domains.retirement, by: mailbox, shape: 'protobuf', ...of(retirement) },
      read: (signed) => verifyRetirement(signed, mailbox.key),
    },
    {
      ...{ name: 'signed envelope', covers: ['protocol openEnvelope'] },
      ...{ domain: domains.device, by: owner, shape: 'bytes', ...of(certificate) },
      read: (signed) => openEnvelope(signed, { domain: domains.device, maxBytes: 4096 }),
    },
  ]
}

const ERRORS = [DecodeError, RecordError] as const

function bothWays({ name, covers, domain, by, shape, bytes, payload, read }: Signed) {
  return [
    parser({
      ...{ name, covers, shape: 'protobuf', examples: [bytes], maxBytes: 5000 },
      ...{ errors: ERRORS, accepted: 'authentic', read },
    }),
    parser({
      ...{ name: `${name}, signed by a hostile account`, covers: [], shape, examples: [payload] },
      errors: ERRORS,
      read: (input) => read(sealEnvelope({ account: by, domain, payload: input })),
    }),
  ]
}

function receipts(): readonly Uint8Array[] {
  return recordVectors().custody.promises.flatMap(({ receipt, alone }) => [
    ...[fromHex(receipt), fromHex(alone)],
  ])
}

/** Of the first promise. */
function expectedCustody() {
  const { envelopeDigest } = recordVectors().custody.promises[0] ?? { envelopeDigest: '' }
  const [mailbox, owner] = [account(mailboxName).key, person('responder').account.key]
  return { mailbox, owner, envelopeDigest: fromHex(envelopeDigest) }
}

/** With its signature verified, and with the root known from a receipt before. */
function receiptParsers(): readonly Parser[] {
  const [together, alone] = receipts()
  const examples = [together ?? new Uint8Array(), alone ?? new Uint8Array()]
  const expected = expectedCustody()
  const { root } = openReceipt(examples[0] ?? new Uint8Array(), expected)
  const base = { shape: 'bytes', examples, errors: ERRORS, accepted: 'authentic' } as const
  return [
    parser({
      ...{ ...base, name: 'custody receipt', covers: ['protocol verifyCustody'] },
      read: (receipt) => verifyCustody(receipt, expected),
    }),
    parser({
      ...{ ...base, name: 'custody receipt of a known root', covers: ['protocol openReceipt'] },
      read: (receipt) => openReceipt(receipt, expected, root),
    }),
  ]
}

/** What a node of ours stores in the DHT for others. */
function dhtRecord(): Parser {
  const { bundle } = person('responder')
  const key = bundleKey(bundle.account)
  const policy = new RecordPolicy({ now: () => NOW } as unknown as Clock)
  return parser({
    ...{ name: 'DHT record', covers: ['net RecordPolicy'], shape: 'protobuf' },
    ...{ examples: [bundle.bytes], maxBytes: 5000, errors: ERRORS, accepted: 'authentic' },
    read: (input) => {
      const chosen = policy.select(key, [input, bundle.bytes, input])
      const verified = policy.validate(key, input)
      policy.checkOrder(key, verified, bundle.bytes)
      return chosen
    },
  })
}
