/** The stranger reads and writes the frozen vectors of records, contents, bodies, links and numbers. */
import { describe, expect, test } from 'vitest'
import type { Vectors } from '../make-vectors/index.ts'
import type { ReadThing } from '../make-vectors/refused.ts'
import { frozen } from '../support/frozen.ts'
import { Layout, demand, hex, join, u32, u64, unhex } from './stranger/bytes.ts'
import type * as contents from './stranger/content.ts'
import { readContent, writeContent } from './stranger/content.ts'
import {
  envelopeDigest,
  padme,
  readBody,
  readEnvelope,
  readReceipt,
  writeBody,
} from './stranger/envelope.ts'
import * as links from './stranger/links.ts'
import { choose } from './stranger/person.ts'
import { G, checkAccount, dhPair, kemPair, signingPair } from './stranger/primitives.ts'
import { Message, write } from './stranger/protobuf.ts'
import * as records from './stranger/records.ts'
import { verdict } from './support.ts'

const vectors = frozen('records.json')
const { now, owner } = vectors
const seeds = { owner: unhex(owner.accountSeed), mailbox: unhex(vectors.mailbox.accountSeed) }
const account = unhex(owner.account)
const mailbox = unhex(vectors.mailbox.account)

test('the keys of the owner are those of its secrets', () => {
  const { signedPrekey, lastResortKemPrekey, oneTimePair } = owner
  expect(hex(signingPair(seeds.owner).public)).toBe(owner.account)
  expect(hex(signingPair(seeds.mailbox).public)).toBe(vectors.mailbox.account)
  expect(hex(dhPair(unhex(owner.identityPrivate)).public)).toBe(owner.identityKey)
  for (const { private: secret, public: key } of [signedPrekey, oneTimePair.prekey]) {
    expect(hex(dhPair(unhex(secret)).public)).toBe(key)
  }
  for (const { seed, public: key } of [lastResortKemPrekey, oneTimePair.kem]) {
    expect(hex(kemPair(unhex(seed)).public)).toBe(key)
  }
})

const signed = [
  { by: seeds.owner, ...vectors.certificate },
  { by: seeds.owner, ...vectors.oneTimePair },
  { by: seeds.owner, ...vectors.bundle },
  { by: seeds.owner, ...vectors.login },
  { by: seeds.mailbox, ...vectors.custody },
  { by: seeds.mailbox, ...vectors.handOut },
  { by: seeds.mailbox, ...vectors.retirement },
]

test.each(signed)(
  'a record of the domain "$domain" has these bytes',
  ({ by, domain, ...record }) => {
    const { signer, payload } = records.readRecord(domain, 4096, unhex(record.bytes))
    expect([hex(signer), hex(payload)]).toEqual([record.signer, record.payload])
    expect(hex(records.signRecord(by, domain, payload))).toBe(record.bytes)
  },
)

test('the certificate is read, and made of its fields', () => {
  const { fields, bytes } = vectors.certificate
  const { device, sequence, issuedAt: issued, expiresAt: expires } = fields
  const identityKey = unhex(fields.identityKey)
  const made = { device, identityKey, sequence, issued, expires }
  expect(records.readCertificate(unhex(bytes), now)).toEqual({ account, ...made })
  expect(hex(records.makeCertificate(seeds.owner, made))).toBe(bytes)
})

test('the one-time pair is read, and made of its fields', () => {
  const { fields, bytes } = vectors.oneTimePair
  const { device, id, issuedAt: issued, expiresAt: expires } = fields
  const keys = { key: unhex(fields.oneTimePrekey), kem: unhex(fields.kemPrekey), mailbox }
  const made = { device, id, issued, expires, ...keys }
  const read = records.readOneTime(unhex(bytes), { account, mailbox }, now)
  expect(read).toEqual({ account, ...made })
  expect(hex(records.makeOneTime(seeds.owner, made))).toBe(bytes)
})

test('the bundle is read, and made of its fields', () => {
  const { fields, bytes, digest, dhtKey } = vectors.bundle
  const { sequence, issuedAt: issued, expiresAt: expires } = fields
  const made = {
    certificate: unhex(fields.certificate),
    signedPrekey: { ...fields.signedPrekey, key: unhex(fields.signedPrekey.key) },
    kemPrekey: { ...fields.lastResortKemPrekey, key: unhex(fields.lastResortKemPrekey.key) },
    ...{ sequence, issued, expires },
    mailboxes: fields.mailboxes.map((one) => ({
      ...{ account: unhex(one.account), addresses: one.addresses.map(unhex) },
    })),
  }
  expect(records.readBundle(unhex(bytes), account, now)).toEqual({ account, ...made })
  expect(hex(records.makeBundle(seeds.owner, made))).toBe(bytes)
  expect(hex(records.bundleDigest(unhex(bytes)))).toBe(digest)
  expect(hex(records.dhtKey(account))).toBe(dhtKey)
})

test('a receipt leads to a root that the mailbox has signed', () => {
  const { envelope, promises, nodes, bytes, payload } = vectors.custody
  expect(hex(write({ 1: unhex(nodes.root) }))).toBe(payload)
  expect(hex(envelopeDigest(unhex(envelope)))).toBe(promises[0]?.envelopeDigest)
  for (const { envelopeDigest: digest, owner: whose, keptUntil, receipt, alone } of promises) {
    const read = readReceipt(unhex(receipt))
    expect([read.digest, read.owner, read.root, read.signed].map(hex)).toEqual([
      ...[digest, whose, nodes.root, bytes],
    ])
    expect(read.keptUntil).toBe(keptUntil)
    const single = readReceipt(unhex(alone))
    const { signer, payload: root } = records.readRecord('sotto/1 custody', 512, single.signed)
    expect(hex(signer)).toBe(vectors.mailbox.account)
    expect(hex(root)).toBe(hex(write({ 1: single.root })))
  }
})

test('login, hand-out and retirement have the fields of docs/mailbox.md', () => {
  const { login, handOut, retirement } = vectors
  const { mailbox: to, mailboxNonce, ownerNonce, instanceId } = login.fields
  const nonces = [to, mailboxNonce, ownerNonce, instanceId].map(unhex)
  expect(hex(write(Object.fromEntries(nonces.map((one, i) => [i + 1, one]))))).toBe(login.payload)
  const { keyId, at, nonce } = handOut.fields
  expect(hex(write({ 1: account, 2: keyId, 3: at, 4: unhex(nonce) }))).toBe(handOut.payload)
  expect(new Message(unhex(handOut.payload)).int32(2)).toBe(keyId)
  const { successor, addresses, at: since } = retirement.fields
  const said = { 1: unhex(successor), 2: addresses.map(unhex), 3: since }
  expect(hex(write(said))).toBe(retirement.payload)
})

describe('a content', () => {
  const { contents: all, ofALaterVersion } = frozen('content.json')

  test.each(all)('of the kind $body.kind is written and read', ({ bytes, ...fields }) => {
    const content = contentOf(fields)
    expect(hex(writeContent(content))).toBe(bytes)
    expect(readContent(unhex(bytes))).toEqual(content)
  })

  test('with a field of a later version is read', () => {
    const { bytes, ...fields } = ofALaterVersion
    expect(readContent(unhex(bytes))).toEqual(contentOf(fields))
  })
})

type ContentFields = Omit<Vectors<'content.json'>['contents'][number], 'bytes'>

function contentOf({ messageId, body, ...numbers }: ContentFields): contents.Content {
  return { id: unhex(messageId), ...numbers, said: saidOf(body) }
}

function saidOf(body: ContentFields['body']): contents.Said {
  switch (body.kind) {
    case 'delivery-receipt':
      return { kind: 'delivered', ids: body.messageIds.map(unhex) }
    case 'read-receipt':
      return { kind: 'read', ids: body.messageIds.map(unhex) }
    case 'missing': {
      const ranges = body.ranges.map(({ first, last }) => [first, last] as const)
      if (!('fetched' in body)) return { kind: body.kind, ranges }
      const fetched = body.fetched.map(({ mailbox, counter }) => [unhex(mailbox), counter] as const)
      return { kind: body.kind, ranges, fetched }
    }
    case 'lost':
      return { kind: body.kind, ranges: body.ranges.map(({ first, last }) => [first, last]) }
    case 'profile': {
      const { kind, name } = body
      if (!('deliveryTokens' in body)) return { kind, name }
      const { revision, tokens } = body.deliveryTokens
      const pairs = tokens.map(({ mailbox, token }) => [unhex(mailbox), unhex(token)] as const)
      return { kind, name, delivery: { revision, tokens: pairs } }
    }
    case 'text':
    case 'control':
      return body
  }
}

describe('a padded body', () => {
  const { padme: lengths, bodies } = frozen('padding.json')

  test('has these lengths', () => {
    expect(lengths.map(({ length }) => padme(length))).toEqual(lengths.map((one) => one.padded))
  })

  test.each(bodies)('with $name is read', ({ content, items, malformed, padded }) => {
    const body = readBody(unhex(padded))
    const read = body.items.map(({ kind, value }) => ({ kind, value: hex(value) }))
    expect([hex(body.content), read, body.malformed]).toEqual([content, items, malformed])
  })

  test.each(bodies.filter(({ name, malformed }) => !malformed && !name.includes('unknown')))(
    'with $name is written',
    ({ content, items, padded }) => {
      const parts = items.map(({ kind, value }) => ({ kind, value: unhex(value) }))
      expect(hex(writeBody(unhex(content), parts))).toBe(padded)
    },
  )
})

describe('a link', () => {
  const { contacts, mailboxes } = frozen('links.json')

  test.each(contacts)('$link is read and written', ({ link, ...fields }) => {
    const read = {
      account: unhex(fields.account),
      mailboxes: fields.mailboxes.map((one) => {
        return { account: unhex(one.account), address: unhex(one.address) }
      }),
      addresses: fields.addresses.map(unhex),
    }
    expect(links.readContactLink(link.toLowerCase())).toEqual(read)
    expect(links.writeContactLink(read)).toBe(link)
  })

  test.each(mailboxes)('$link is read and written', ({ link, joinSecret = '', ...fields }) => {
    const addresses = fields.addresses.map(unhex)
    const read = { account: unhex(fields.account), addresses, joinSecret: unhex(joinSecret) }
    expect(links.readMailboxLink(link)).toEqual(read)
    expect(links.writeMailboxLink(read)).toBe(link)
  })
})

test.each(frozen('safety-numbers.json').pairs)('the safety number $number', (pair) => {
  const [a = '', b = ''] = pair.accounts
  expect(links.safetyNumber(unhex(a), unhex(b))).toBe(pair.number)
  expect(links.safetyNumber(unhex(b), unhex(a))).toBe(pair.number)
})

describe('sessions', () => {
  const { statement, continuity, choices, ordinals } = frozen('sessions.json')

  test('have this statement and this proof of continuity', () => {
    const value = join(u64(statement.ordinal), u64(statement.seen), unhex(statement.mark))
    expect(hex(value)).toBe(statement.value)
    const { cont, SID_old, T_new, epoch, proof } = continuity
    const input = [unhex(SID_old), u32(epoch), unhex(T_new)]
    const made = G(32, unhex(cont), 'continuity', ...input)
    expect(hex(made)).toBe(proof)
    expect(hex(join(u32(epoch), made))).toBe(continuity.value)
  })

  test('are chosen and numbered alike', () => {
    const one = (known: (typeof choices)[number]['ours']) =>
      known === null ? undefined : { ...known, transcript: unhex(known.mark) }
    for (const { ours, theirs, sends } of choices) {
      const [a, b] = [one(ours), one(theirs)]
      expect(choose(a, b)).toBe(sends === 'ours' ? a : b)
    }
    for (const { previous, seenByThem, now: at, ordinal } of ordinals) {
      expect(Math.max(previous + 1, at, seenByThem + 1)).toBe(ordinal)
    }
  })
})

describe('what is to be refused', () => {
  const { now: at, account: of, mailbox: from, cases } = frozen('refused.json')
  const expected = { account: unhex(of), mailbox: unhex(from) }
  const readers: Readonly<Record<ReadThing, (bytes: Uint8Array) => unknown>> = {
    'account key': checkAccount,
    'device certificate': (bytes) => records.readCertificate(bytes, at),
    'one-time pair': (bytes) => records.readOneTime(bytes, expected, at),
    bundle: (bytes) => records.readBundle(bytes, expected.account, at),
    envelope: readEnvelope,
    content: readContent,
    statement: readStatement,
    'contact link': (bytes) => links.readContactLink(new TextDecoder().decode(bytes)),
  }

  test.each(cases)('$reads: $what', ({ reads, bytes }) => {
    expect(verdict(() => readers[reads](unhex(bytes)))).toBe('refused')
  })
})

function readStatement(bytes: Uint8Array): number {
  const layout = new Layout(bytes)
  const [ordinal] = [layout.int(8), layout.int(8), layout.take(16)]
  layout.end()
  demand(ordinal !== 0, 'ERR_MALFORMED')
  return ordinal
}
