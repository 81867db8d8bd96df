/** First messages that no session must come of. All name prekeys that the receiver holds, so that only its keys can tell. */
import { readEnvelope } from '../../protocol/envelope.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { newPerson, type Person } from '../people.ts'
import { type Found, sendFirst } from '../talker.ts'

/** A next one, of which no byte string was sent before. */
export type Forge = () => Uint8Array

/** Ways to forge, the costliest for the receiver last. */
const WAYS = [
  // The identity does not open: one Diffie-Hellman and a decapsulation.
  (genuine: Uint8Array): Uint8Array => changed(genuine, EPHEMERAL_KEY_AT, 32),
  // Everything but the body is right.
  (genuine: Uint8Array): Uint8Array => changed(genuine, bodyAt(genuine), 16),
] as const

/** Version, kind, signed prekey, KEM prekey, flag and one-time id stand before it. */
const EPHEMERAL_KEY_AT = 1 + 1 + 4 + 4 + 1 + 4

/** What the `index`th identity sends, again and again in another form. */
export function forgeriesOf(identity: Person, found: Found, index: number): Forge {
  const content = new Uint8Array(100)
  const { now } = identity
  const way = WAYS[index % (WAYS.length + 1)]
  if (way !== undefined) {
    const { envelope } = sendFirst(found, content, identity)
    return () => way(envelope)
  }
  // Whole, but of somebody else: it opens to the end before that shows. Always at one position, each with a salt of its own.
  const { session } = sendFirst(found, content, newPerson()).talker
  return () => encryptMessage(session, content, { now, random: platformRandom }).envelope
}

function bodyAt(envelope: Uint8Array): number {
  return envelope.length - readEnvelope(envelope).body.length
}

function changed(envelope: Uint8Array, at: number, length: number): Uint8Array {
  const copy = envelope.slice()
  copy.set(platformRandom(length), at)
  return copy
}
