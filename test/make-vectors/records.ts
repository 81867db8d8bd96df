/** Vectors of what accounts and mailboxes sign: docs/protocol.md, "Account key", "Prekeys", "Prekey bundle"; docs/mailbox.md. */
import type { Account } from '../../protocol/account.ts'
import { bundleKey, verifyBundle } from '../../protocol/bundle.ts'
import { concat, fromHex, u64, u8, utf8 } from '../../protocol/bytes.ts'
import { hash, verify } from '../../protocol/crypto.ts'
import { envelopeDigest, signHandOut, signLogin, signRetirement } from '../../protocol/custody.ts'
import { verifyDeviceCertificate } from '../../protocol/device.ts'
import { SignedEnvelopeSchema } from '../../protocol/generated/envelope_pb.ts'
import type { Domain } from '../../protocol/labels.ts'
import { domains } from '../../protocol/labels.ts'
import { verifyOneTimePair } from '../../protocol/prekeys.ts'
import { decodeExact } from '../../protocol/protobuf.ts'
import { signCustody } from '../../protocol/receipt.ts'
import { sealEnvelope } from '../../protocol/signed-envelope.ts'
import { seededRandom } from '../support/random.ts'
import type { Person } from './people.ts'
import { NOW, account, mailboxName, person, responderFields } from './people.ts'
import { agree, hex, hexes, there } from './values.ts'

/** The file `records.json`. */
export function recordVectors() {
  const owner = person('responder')
  const mailbox = account(mailboxName)
  return {
    now: NOW,
    mailbox: hexes({ accountSeed: mailbox.seed, account: mailbox.key }),
    owner: responderFields(owner),
    certificate: certificate(owner),
    oneTimePair: oneTimePair(owner),
    bundle: bundle(owner),
    ...notes(owner.account, mailbox),
  }
}

function certificate({ account: { key }, device }: Person) {
  const { bytes } = device.certificate
  const read = verifyDeviceCertificate(bytes, NOW, { account: key })
  const { sequence, issuedAt, expiresAt, identityKey } = read
  const fields = {
    device: read.device,
    identityKey: hex(identityKey),
    sequence,
    issuedAt,
    expiresAt,
  }
  return { fields, ...signedEnvelope(domains.device, bytes) }
}

function oneTimePair({ account: { key }, pair }: Person) {
  const read = verifyOneTimePair(pair.signed, { account: key, now: NOW })
  const { device, id, oneTimePrekey, kemPrekey, issuedAt, expiresAt, mailbox } = read
  const keys = hexes({ oneTimePrekey, kemPrekey, mailbox })
  const fields = { device, id, issuedAt, expiresAt, ...keys }
  return { fields, ...signedEnvelope(domains.oneTime, pair.signed) }
}

function bundle({ account: { key }, bundle: { bytes } }: Person) {
  const read = verifyBundle(bytes, { account: key, now: NOW })
  const { sequence, issuedAt, expiresAt, signedPrekey, lastResortKemPrekey } = read
  const fields = {
    certificate: hex(read.certificate.bytes),
    signedPrekey: { id: signedPrekey.id, key: hex(signedPrekey.key) },
    lastResortKemPrekey: { id: lastResortKemPrekey.id, key: hex(lastResortKemPrekey.key) },
    ...{ sequence, issuedAt, expiresAt },
    mailboxes: read.mailboxes.map(({ account: mailbox, addresses }) => ({
      ...{ account: hex(mailbox), addresses: addresses.map(hex) },
    })),
  }
  const signed = signedEnvelope(domains.bundle, bytes)
  return { fields, ...signed, digest: hex(read.digest), dhtKey: hex(bundleKey(key)) }
}

/** What owner and mailbox sign for each other and for senders. */
function notes(owner: Account, mailbox: Account) {
  const random = seededRandom('vectors notes')
  const envelope = random(358)
  const nonces = { mailboxNonce: random(16), ownerNonce: random(16), instanceId: random(16) }
  const login = { mailbox: mailbox.key, ...nonces }
  const handOut = { owner: owner.key, nonce: random(16) }
  const given = { keyId: 0x01020304, at: NOW + 5 }
  return {
    login: {
      fields: hexes(login),
      ...signedEnvelope(domains.mailboxLogin, signLogin(owner, login)),
    },
    custody: custody(owner, mailbox, envelope),
    handOut: {
      fields: { ...hexes(handOut), ...given },
      ...signedEnvelope(domains.handOut, signHandOut(mailbox, { ...handOut, ...given })),
    },
    retirement: retirement(mailbox),
  }
}

/** Five promises, the fifth of which stands alone on two levels of the tree. */
function custody(owner: Account, mailbox: Account, envelope: Uint8Array) {
  const promises = Array.from({ length: 5 }, (_, i) => ({
    envelopeDigest: envelopeDigest(i === 0 ? envelope : envelope.subarray(i)),
    owner: i === 3 ? mailbox.key : owner.key,
    keptUntil: NOW + 21 * 86_400_000 + i,
  }))
  const leaves = promises.map((one) => concat(one.envelopeDigest, one.owner, u64(one.keptUntil)))
  const [a, b, c, d, e] = leaves.map((leaf) => hash(32, 'custody leaf', leaf))
  const [ab, cd] = [node(a, b), node(c, d)]
  const none = new Uint8Array(32)
  const ee = node(e, none)
  const [abcd, eeee] = [node(ab, cd), node(ee, none)]
  const root = node(abcd, eeee)
  const signed = signCustody(mailbox, promises).map((receipt, i) => {
    const [alone] = signCustody(mailbox, promises.slice(i, i + 1))
    const { keptUntil, ...bytes } = there(promises[i])
    return { ...hexes(bytes), keptUntil, ...hexes({ receipt, alone: there(alone) }) }
  })
  const bytes = sealEnvelope({
    account: mailbox,
    domain: domains.custody,
    payload: concat(u8(0x0a), u8(32), root),
  })
  const paths = [
    [b, cd, eeee],
    [a, cd, eeee],
    [d, ab, eeee],
    [c, ab, eeee],
    [none, none, abcd],
  ]
  for (const [i, path] of paths.entries()) {
    const way = concat(u8(3), u8(i), ...path.map(there), bytes)
    agree(
      'custody receipt',
      hex(concat(u8(1), there(leaves[i]), way)),
      fromHex(there(signed[i]).receipt),
    )
  }
  return {
    envelope: hex(envelope),
    promises: signed,
    leaves: [a, b, c, d, e].map((one) => hex(there(one))),
    nodes: hexes({ ab, cd, ee, abcd, eeee, root }),
    ...signedEnvelope(domains.custody, bytes),
  }
}

function node(left: Uint8Array | undefined, right: Uint8Array | undefined): Uint8Array {
  return hash(32, 'custody node', there(left), there(right))
}

function retirement(mailbox: Account) {
  const { key: successor } = account(`${mailboxName} next`)
  const addresses = [fromHex('047f0000010611f9'), fromHex('0400000000061234')]
  const fields = { ...hexes({ successor }), addresses: addresses.map(hex), at: NOW + 6 }
  const signed = signRetirement(mailbox, { successor, addresses, at: NOW + 6 })
  return { fields, ...signedEnvelope(domains.retirement, signed) }
}

/** A signed envelope with its parts, and the bytes under its signature. */
function signedEnvelope(domain: Domain, bytes: Uint8Array) {
  const { publicKey, payload, payloadType, signature } = decodeExact(
    SignedEnvelopeSchema,
    bytes,
    bytes.length,
  )
  const signer = there(publicKey).data
  const parts = [utf8(domain), payloadType, payload]
  const signedBytes = concat(...parts.flatMap((part) => [varint(part.length), part]))
  if (!verify(signer, signedBytes, signature)) throw new Error('vectors: signature differs')
  return { domain, ...hexes({ signer, payloadType, payload, signedBytes, signature, bytes }) }
}

/** Lengths here have one or two bytes. */
function varint(length: number): Uint8Array {
  return length < 0x80 ? u8(length) : concat(u8((length & 0x7f) | 0x80), u8(length >> 7))
}
