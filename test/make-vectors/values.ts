/** How values stand in the vectors: bytes and secrets as hexadecimal digits, everything else as JSON has it. */
import type { RandomBytes } from '../../protocol/bytes.ts'
import { toHex } from '../../protocol/bytes.ts'
import type { Direction, Epoch } from '../../protocol/epoch.ts'
import type { HeaderKeys } from '../../protocol/header.ts'
import { Secret } from '../../protocol/secret.ts'
import { seededRandom } from '../support/random.ts'

/** Bytes, public or secret, in lower-case hexadecimal digits. */
export function hex(value: Uint8Array | Secret): string {
  return toHex(value instanceof Secret ? Secret.reveal(value) : value)
}

/** Several of them under their names; what is undefined is left out. */
export function hexes<Name extends string>(
  values: Readonly<Record<Name, Uint8Array | Secret>>,
): Readonly<Record<Name, string>> {
  const entries = Object.entries<Uint8Array | Secret>(values)
  return Object.fromEntries(entries.map(([name, value]) => [name, hex(value)])) as Record<
    Name,
    string
  >
}

/** A stream of random bytes of a seed that remembers what was drawn from it. */
export class Draws {
  readonly random: RandomBytes
  #taken: Uint8Array[] = []

  constructor(seed: string) {
    const random = seededRandom(`vectors ${seed}`)
    this.random = (length) => {
      const bytes = random(length)
      this.#taken.push(bytes.slice())
      return bytes
    }
  }

  /** What was drawn since the last call. */
  take(): readonly Uint8Array[] {
    const taken = this.#taken
    this.#taken = []
    return taken
  }
}

/** Throws unless the value that was computed beside the code is the one that the code has. */
export function agree(what: string, made: string, found: Uint8Array | Secret): void {
  if (made !== hex(found)) throw new Error(`vectors: ${what} differs`)
}

/** The value, where there must be one. */
export function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('vectors: nothing is there')
  return value
}

/** HE and HT. */
export function headerKeyFields({ seal, tag }: HeaderKeys) {
  return hexes({ HE: seal, HT: tag })
}

/** What an epoch expands to, seen from the side that sends in `sends`. */
export function epochFields(epoch: Epoch, sends: Direction) {
  const { sendingKey, receivingKey } = epoch
  const [epk1, epk2] = sends === 1 ? [sendingKey, receivingKey] : [receivingKey, sendingKey]
  const keys = hexes({ epk1, epk2, nxt: epoch.nextStepKey, cont: epoch.continuityKey })
  return { number: epoch.number, ...keys }
}
