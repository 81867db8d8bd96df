/** What accounts sign: docs/protocol.md, "Account key", "Prekeys", "Prekey bundle". */
import { Layout, demand, ascii, hex, join, same, u32, u64, u8 } from './bytes.ts'
import { G, checkAccount, checkKem, checkX25519, sign, signingPair, verify } from './primitives.ts'
import { Message, varint, write } from './protobuf.ts'

export const SUITE = 'sotto/1 X25519 ML-KEM-768 BLAKE2b XChaCha20-Poly1305 Ed25519'
const MINUTE = 60_000
export const DAY = 86_400_000

export interface Validity {
  readonly issued: number
  readonly expires: number
}

export interface Certificate extends Validity {
  readonly account: Uint8Array
  readonly device: number
  readonly identityKey: Uint8Array
  readonly sequence: number
}

export interface OneTime extends Validity {
  readonly account: Uint8Array
  readonly device: number
  readonly id: number
  readonly key: Uint8Array
  readonly kem: Uint8Array
  readonly mailbox: Uint8Array
}

export interface NamedKey {
  readonly id: number
  readonly key: Uint8Array
}

export interface BundleMailbox {
  readonly account: Uint8Array
  readonly addresses: readonly Uint8Array[]
}

export interface Bundle extends Validity {
  readonly account: Uint8Array
  readonly certificate: Uint8Array
  readonly signedPrekey: NamedKey
  readonly kemPrekey: NamedKey
  readonly sequence: number
  readonly mailboxes: readonly BundleMailbox[]
}

function signedBytes(domain: string, payload: Uint8Array): Uint8Array {
  const parts = [ascii(domain), typeOf(domain), payload]
  return join(...parts.flatMap((part) => [varint(part.length), part]))
}

function typeOf(domain: string): Uint8Array {
  return ascii(`/${domain.replaceAll(' ', '/')}`)
}

function envelopeFields(key: Uint8Array, type: Uint8Array, payload: Uint8Array, name: Uint8Array) {
  return { 1: write({ 1: 1, 2: key }), 2: type, 3: payload, 5: name }
}

export function signRecord(seed: Uint8Array, domain: string, payload: Uint8Array): Uint8Array {
  const signature = sign(seed, signedBytes(domain, payload))
  return write(envelopeFields(signingPair(seed).public, typeOf(domain), payload, signature))
}

/** Signer and payload of a signed envelope of at most `limit` bytes. */
export function readRecord(
  domain: string,
  limit: number,
  bytes: Uint8Array,
): { readonly signer: Uint8Array; readonly payload: Uint8Array } {
  demand(bytes.length <= limit, 'ERR_TOO_LARGE')
  const outer = new Message(bytes)
  const inner = new Message(outer.bytes(1))
  const [signer, payload, signature] = [inner.bytes(2), outer.bytes(3), outer.bytes(5)]
  outer.exactly(envelopeFields(signer, outer.bytes(2), payload, signature))
  demand(inner.int(1) === 1 && signer.length === 32, 'ERR_BAD_KEY')
  demand(same(outer.bytes(2), typeOf(domain)), 'ERR_BAD_SIGNATURE')
  checkAccount(signer)
  demand(verify(signer, signedBytes(domain, payload), signature), 'ERR_BAD_SIGNATURE')
  return { signer, payload }
}

function checkValidity(record: Validity, now: number): void {
  demand(record.issued < record.expires, 'ERR_MALFORMED')
  demand(record.issued <= now + 10 * MINUTE, 'ERR_NOT_YET_VALID')
  demand(now < record.expires, 'ERR_EXPIRED')
}

export function makeCertificate(
  seed: Uint8Array,
  fields: Omit<Certificate, 'account'>,
): Uint8Array {
  const { device, identityKey, sequence, issued, expires } = fields
  const account = signingPair(seed).public
  return signRecord(
    seed,
    'sotto/1 device',
    join(account, u32(device), u8(1), identityKey, u64(sequence), u64(issued), u64(expires)),
  )
}

export function readCertificate(bytes: Uint8Array, now: number): Certificate {
  const { signer, payload } = readRecord('sotto/1 device', 256, bytes)
  const layout = new Layout(payload)
  const account = layout.take(32)
  const device = layout.int(4)
  demand(layout.int(1) === 1, 'ERR_BAD_KEY')
  const identityKey = layout.take(32)
  const [sequence, issued, expires] = [layout.int(8), layout.int(8), layout.int(8)]
  layout.end()
  demand(same(account, signer), 'ERR_WRONG_ACCOUNT')
  checkX25519(identityKey)
  const certificate = { account, device, identityKey, sequence, issued, expires }
  checkValidity(certificate, now)
  return certificate
}

export function makeOneTime(seed: Uint8Array, fields: Omit<OneTime, 'account'>): Uint8Array {
  const { device, id, key, kem, issued, expires, mailbox } = fields
  const account = signingPair(seed).public
  const keys = join(u32(device), u32(id), u8(1), u8(1), key, u8(2), kem)
  return signRecord(
    seed,
    'sotto/1 one-time',
    join(account, keys, u64(issued), u64(expires), mailbox),
  )
}

/** `from` is whose pair it should be, and the mailbox that handed it out. */
export function readOneTime(
  bytes: Uint8Array,
  from: { readonly account: Uint8Array; readonly mailbox: Uint8Array },
  now: number,
): OneTime {
  const { signer, payload } = readRecord('sotto/1 one-time', 1536, bytes)
  const layout = new Layout(payload)
  const account = layout.take(32)
  const [device, id] = [layout.int(4), layout.int(4)]
  demand(layout.int(1) === 1 && layout.int(1) === 1, 'ERR_BAD_KEY')
  const key = layout.take(32)
  demand(layout.int(1) === 2, 'ERR_BAD_KEY')
  const kem = layout.take(1184)
  const [issued, expires] = [layout.int(8), layout.int(8)]
  const mailbox = layout.take(32)
  layout.end()
  demand(same(account, signer) && same(account, from.account), 'ERR_WRONG_ACCOUNT')
  demand(same(mailbox, from.mailbox), 'ERR_WRONG_ACCOUNT')
  demand(id !== 0, 'ERR_MALFORMED')
  checkX25519(key)
  checkKem(kem)
  const pair = { account, device, id, key, kem, issued, expires, mailbox }
  checkValidity(pair, now)
  return pair
}

function bundleFields(bundle: Bundle) {
  const { signedPrekey, kemPrekey, issued, expires } = bundle
  return {
    1: 1,
    2: SUITE,
    3: bundle.account,
    4: bundle.certificate,
    5: write({ 1: signedPrekey.id, 2: 1, 3: signedPrekey.key }),
    6: write({ 1: kemPrekey.id, 2: 2, 3: kemPrekey.key }),
    7: bundle.sequence,
    8: issued,
    9: expires,
    10: bundle.mailboxes.map((one) => write({ 1: one.account, 2: one.addresses })),
  }
}

export function makeBundle(seed: Uint8Array, fields: Omit<Bundle, 'account'>): Uint8Array {
  const bundle = { ...fields, account: signingPair(seed).public }
  return signRecord(seed, 'sotto/1 bundle', write(bundleFields(bundle)))
}

/** A bundle that counts now, of this account. */
export function readBundle(bytes: Uint8Array, account: Uint8Array, now: number): Bundle {
  const { signer, payload } = readRecord('sotto/1 bundle', 4096, bytes)
  const message = new Message(payload)
  demand(message.int32(1) === 1, 'ERR_UNKNOWN_VERSION')
  demand(message.text(2) === SUITE, 'ERR_WRONG_SUITE')
  const bundle: Bundle = {
    account: message.bytes(3),
    certificate: message.bytes(4),
    signedPrekey: namedKey(message.bytes(5), 1),
    kemPrekey: namedKey(message.bytes(6), 2),
    sequence: message.int(7),
    issued: message.int(8),
    expires: message.int(9),
    mailboxes: message.list(10).map(mailbox),
  }
  message.exactly(bundleFields(bundle))
  demand(same(signer, account) && same(signer, bundle.account), 'ERR_WRONG_ACCOUNT')
  checkBundle(bundle, now)
  return bundle
}

function checkBundle(bundle: Bundle, now: number): void {
  const { signedPrekey, kemPrekey, mailboxes } = bundle
  demand(signedPrekey.id !== kemPrekey.id, 'ERR_MALFORMED')
  checkX25519(signedPrekey.key)
  checkKem(kemPrekey.key)
  demand(mailboxes.length <= 8, 'ERR_TOO_LARGE')
  const accounts = new Set(mailboxes.map((one) => hex(one.account)))
  demand(accounts.size === mailboxes.length, 'ERR_MALFORMED')
  checkValidity(bundle, now)
  const certificate = readCertificate(bundle.certificate, now)
  demand(same(certificate.account, bundle.account), 'ERR_WRONG_ACCOUNT')
}

function namedKey(bytes: Uint8Array, type: number): NamedKey {
  const message = new Message(bytes)
  const id = message.int32(1)
  demand(id !== 0, 'ERR_MALFORMED')
  demand(message.int32(2) === type, 'ERR_BAD_KEY')
  message.exactly({ 1: id, 2: type, 3: message.bytes(3) })
  return { id, key: message.bytes(3) }
}

function mailbox(bytes: Uint8Array): BundleMailbox {
  const message = new Message(bytes)
  const [account, addresses] = [message.bytes(1), message.list(2)]
  message.exactly({ 1: account, 2: addresses })
  demand(addresses.length <= 8 && addresses.every((one) => one.length <= 256), 'ERR_TOO_LARGE')
  checkAccount(account)
  return { account, addresses }
}

export function bundleDigest(bundle: Uint8Array): Uint8Array {
  return G(32, undefined, 'bundle', bundle)
}

/** "DHT record": the key under which the bundle of an account is found. */
export function dhtKey(account: Uint8Array): Uint8Array {
  return join(ascii('/sotto/'), G(32, undefined, 'dht key', account))
}
