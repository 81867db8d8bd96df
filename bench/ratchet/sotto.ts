/** sotto's own ratchet as a subject, with the caller's part: what is spent is wiped after each step. */
import { ready } from '../../protocol/crypto.ts'
import { useProvider } from '../../protocol/provider.ts'
import { newPerson, publish } from '../people.ts'
import { acceptFirst, sendFirst, type Talker } from '../talker.ts'
import { allStoredBytes, storedBytes, unpaddedLength } from './sizes.ts'
import type { Side, Subject } from './subject.ts'

/** `sotto` has the primitives that Node gets without choosing. Each sample begins with `prepare`, which changes to them. */
export function sottoSubject(name: 'sotto' | 'sotto-wasm'): Subject {
  return {
    name,
    pace: { oneWay: 10_000, pingPong: 2_000, setUp: 200 },
    opensReversed: true,
    async prepare() {
      await ready
      useProvider(name === 'sotto' ? 'chosen' : 'wasm')
      const [we, they] = [newPerson(), newPerson()]
      const published = publish(they)
      const found = { ...published, account: they.account.key }
      return {
        async setUp(first) {
          const { talker, envelope } = sendFirst(found, first, we)
          const other = acceptFirst(they, published, envelope)
          return {
            ours: sideOf(talker),
            theirs: sideOf(other),
            first: envelope,
            opened: other.first,
          }
        },
      }
    },
  }
}

function sideOf(talker: Talker): Side {
  return {
    encrypt: (plaintext) => talker.seal(plaintext),
    decrypt: (message) => talker.open(message as Uint8Array),
    bytesOf: (message) => (message as Uint8Array).length,
    unpaddedBytesOf: (message, plaintext) => unpaddedLength(message as Uint8Array, plaintext),
    storedBytes: () => storedBytes(talker.session),
    allStoredBytes: () => allStoredBytes(talker.session),
  }
}
