import { beforeAll, expect, test } from 'vitest'
import { allStoredBytes, storedBytes, unpaddedLength } from '../../bench/ratchet/sizes.ts'
import { acceptFirst, sendFirst, type Talker } from '../../bench/talker.ts'
import { newPerson, publish } from '../../bench/people.ts'
import { ready } from '../../protocol/crypto.ts'
import { decodeBody, encodeBody } from '../../protocol/padding.ts'
import { encodeSession, encodeSkippedKey } from '../../protocol/session-codec.ts'

beforeAll(() => ready)

/** What the encoder puts into a body besides the content, counted in its bytes. */
function paddingOf(content: Uint8Array): number {
  const padded = encodeBody(content, [])
  expect(decodeBody(padded).content).toEqual(content)
  return padded.length - content.length
}

test('what padding adds is taken off, whatever the length of the content', () => {
  const [we] = pair()
  const overheads = new Set<number>()
  for (const length of [0, 1, 32, 251, 252, 253, 1024, 5000, 65_536]) {
    const content = new Uint8Array(length).fill(7)
    const plain = sealedAlone(we, content)
    const unpadded = unpaddedLength(plain, content) ?? 0
    expect(unpadded).toBe(plain.length - paddingOf(content))
    overheads.add(unpadded - length)
  }
  expect([...overheads]).toEqual([102])
  // 252 bytes and their length fill a body to the last byte: only the length counts as padding.
  const full = new Uint8Array(252)
  const envelope = sealedAlone(we, full)
  expect(envelope.length - (unpaddedLength(envelope, full) ?? 0)).toBe(4)
})

test('a message that carries a key of the post-quantum ratchet has no such length', () => {
  const [we, they] = pair()
  const content = new Uint8Array(32)
  const lengths = new Set<number | undefined>()
  for (let i = 0; i < 60; i++) {
    for (const [from, to] of [
      [they, we],
      [we, they],
    ] as const) {
      const envelope = from.seal(content)
      expect(to.open(envelope)).toEqual(content)
      lengths.add(unpaddedLength(envelope, content))
      expect(envelope.length > 1300).toBe(unpaddedLength(envelope, content) === undefined)
    }
  }
  expect(lengths).toEqual(new Set([134, undefined]))
})

test('a first message counts with its handshake', () => {
  const content = new Uint8Array(32).fill(1)
  const they = newPerson()
  const { envelope } = sendFirst({ ...publish(they), account: they.account.key }, content)
  expect(unpaddedLength(envelope, content)).toBe(envelope.length - paddingOf(content))
})

test('all that is stored is the session, and the records beside it without the marks in it', () => {
  const [we, they] = pair()
  const skipped = we.seal(new Uint8Array(1))
  for (let i = 0; i < 3; i++) {
    they.open(we.seal(new Uint8Array(32)))
    we.open(they.seal(new Uint8Array(32)))
  }
  expect(skipped).toBeDefined()
  const { ratchet } = they.session
  expect(ratchet.skipped).toHaveLength(1)
  expect(ratchet.marks.length).toBeGreaterThan(1)
  const records = [...ratchet.retired, ...ratchet.skipped, ...ratchet.marks].map(encodeSkippedKey)
  const newest = records.pop()?.length ?? 0
  const beside = records.reduce((total, record) => total + record.length, 0)
  expect(newest).toBeGreaterThan(0)
  expect(storedBytes(they.session)).toBe(encodeSession(they.session).length)
  expect(allStoredBytes(they.session)).toBe(encodeSession(they.session).length + beside)
})

/** An envelope with this content and nothing beside it: the next one, or one of those after a key that rides now. */
function sealedAlone(talker: Talker, content: Uint8Array): Uint8Array {
  const envelopes = Array.from({ length: 4 }, () => talker.seal(content))
  const shortest = Math.min(...envelopes.map(({ length }) => length))
  const found = envelopes.find(({ length }) => length === shortest)
  if (found === undefined) throw new Error('nothing was sealed')
  return found
}

/** Two who have spoken both ways. */
function pair(): readonly [Talker, Talker] {
  const they = newPerson()
  const published = publish(they)
  const { talker, envelope } = sendFirst(
    { ...published, account: they.account.key },
    new Uint8Array(1),
  )
  const other = acceptFirst(they, published, envelope)
  talker.open(other.seal(new Uint8Array(1)))
  return [talker, other]
}
