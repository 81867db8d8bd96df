/**
 * What the primitives alone cost: the hashes, sealings and curve operations that each job cannot do without, with no state,
 * no framing and no checks. Nothing built on these primitives can be faster.
 */
import { randomFillSync } from 'node:crypto'
import { encodeBody } from '../../protocol/padding.ts'
import type { Primitives } from '../../protocol/primitives.ts'
import { primitives, ready, useProvider } from '../../protocol/provider.ts'
import { REVERSED } from './jobs.ts'

const MESSAGES = 10_000
const TURNS = 2_000
const SET_UPS = 200

const CONTEXT = new TextEncoder().encode('benchctx')
const LABEL = new TextEncoder().encode('\x0fsotto/1 message')

export interface Floor {
  oneWay(length: number): number
  pingPong(): number
  setUp(): number
  reversed(): number
}

/** Prepares keys and inputs once; each call of the result is one sample. `floor` is that of `sotto`. */
export async function measureFloor(name: 'floor' | 'floor-wasm'): Promise<Floor> {
  await ready
  useProvider(name === 'floor' ? 'chosen' : 'wasm')
  const steps = new Steps(primitives())
  return {
    oneWay(length) {
      const body = encodeBody(new Uint8Array(length), [])
      return MESSAGES / timed(MESSAGES, () => steps.receive(steps.send(body)))
    },
    pingPong() {
      const body = encodeBody(new Uint8Array(32), [])
      const turn = (): void => {
        steps.receive(steps.send(body))
        steps.turn()
      }
      return TURNS / timed(TURNS, turn)
    },
    setUp() {
      const body = encodeBody(new Uint8Array(32), [])
      const handshake = (): void => {
        steps.initiate()
        const envelope = steps.send(body)
        steps.accept()
        steps.receive(envelope)
      }
      return SET_UPS / timed(SET_UPS, handshake)
    },
    reversed() {
      const body = encodeBody(new Uint8Array(32), [])
      const envelopes = Array.from({ length: REVERSED }, () => steps.send(body))
      const started = performance.now()
      for (let i = 0; i < REVERSED; i++) steps.nextKeys()
      for (const envelope of envelopes) steps.open(envelope)
      return performance.now() - started
    },
  }
}

interface Sealed {
  readonly header: Uint8Array
  readonly body: Uint8Array
}

/** The primitive operations of each step of the protocol, on keys that stand still. */
class Steps {
  readonly #p: Primitives
  readonly #key = bytes(32)
  readonly #salt = bytes(16)
  readonly #ad = bytes(64)
  readonly #header = bytes(44)
  readonly #seed = bytes(32)
  readonly #kemSeed = bytes(64)
  readonly #signed = bytes(300)
  readonly #point: Uint8Array
  readonly #account: Uint8Array
  readonly #signature: Uint8Array
  readonly #kemKey: Uint8Array
  readonly #kemCiphertext: Uint8Array

  constructor(primitives: Primitives) {
    this.#p = primitives
    this.#point = primitives.x25519Base(bytes(32))
    this.#account = primitives.ed25519PublicKey(this.#seed)
    this.#signature = primitives.ed25519Sign(this.#seed, this.#account, this.#signed)
    this.#kemKey = primitives.kemPublicKey(this.#kemSeed)
    this.#kemCiphertext = defined(primitives.kemEncapsulate(this.#kemKey, bytes(32))).ciphertext
  }

  /** Chain step, message keys, salt, header, body, digest and tag. */
  send(body: Uint8Array): Sealed {
    this.nextKeys()
    this.#p.blake2b(16, [this.#key], LABEL, [this.#salt, this.#header, body])
    const header = defined(this.#p.seal(this.#key, this.#salt, [this.#ad], [this.#header], 0))
    const sealed = defined(this.#p.seal(this.#key, this.#salt, [this.#ad], [body], 0))
    this.#tag(sealed)
    return { header, body: sealed }
  }

  receive(envelope: Sealed): void {
    this.nextKeys()
    this.open(envelope)
  }

  /** What opening costs when the key is at hand. */
  open({ header, body }: Sealed): void {
    this.#tag(body)
    defined(this.#p.open(this.#key, this.#salt, [this.#ad], header))
    defined(this.#p.open(this.#key, this.#salt, [this.#ad], body))
  }

  /** One step of a chain and the message key mixed with the epoch's. */
  nextKeys(): void {
    const [, messageKey] = this.#p.kdfPair(1, CONTEXT, this.#key)
    this.#p.blake2bPair([messageKey, this.#key], LABEL, [this.#salt])
  }

  /** Both halves of a turn of the Diffie-Hellman ratchet. */
  turn(): void {
    this.#p.x25519Base(this.#key)
    for (let half = 0; half < 2; half++) this.#rootStep()
  }

  /** Signatures, key pair, four Diffie-Hellmans, encapsulation, first root step. */
  initiate(): void {
    for (let i = 0; i < 3; i++) this.#verify() // bundle, certificate, one-time pair
    this.#p.x25519Base(this.#key)
    defined(this.#p.kemEncapsulate(this.#kemKey, this.#key))
    this.#agree()
    this.#p.x25519Base(this.#key)
    this.#rootStep()
  }

  /** The responder's half: the initiator's certificate and account, the same secrets, and both root steps. */
  accept(): void {
    this.#verify()
    this.#p.ed25519IsPrimeOrder(this.#account)
    this.#p.kemDecapsulate(this.#kemSeed, this.#kemCiphertext)
    this.#agree()
    this.#p.x25519Base(this.#key)
    for (let half = 0; half < 2; half++) this.#rootStep()
  }

  #agree(): void {
    for (let i = 0; i < 4; i++) defined(this.#p.x25519(this.#key, this.#point))
    for (let i = 0; i < 10; i++) this.#p.blake2b(32, [this.#ad], LABEL, [this.#ad])
  }

  #rootStep(): void {
    defined(this.#p.x25519(this.#key, this.#point))
    const step = this.#p.blake2b(32, [this.#key, this.#key], LABEL, [])
    for (let id = 1; id <= 3; id++) this.#p.kdf(id, CONTEXT, step)
    for (let id = 1; id <= 2; id++) this.#p.kdf(id, CONTEXT, step)
  }

  #tag(body: Uint8Array): void {
    const digest = this.#p.blake2b(32, [], LABEL, [this.#header, body])
    this.#p.blake2b(16, [this.#key], LABEL, [this.#salt, digest])
  }

  #verify(): void {
    if (!this.#p.ed25519Verify(this.#account, this.#signed, this.#signature)) {
      throw new Error('The floor does not verify')
    }
  }
}

/** Seconds that `count` calls take. */
function timed(count: number, run: () => void): number {
  const started = performance.now()
  for (let i = 0; i < count; i++) run()
  return (performance.now() - started) / 1000
}

function bytes(length: number): Uint8Array {
  return randomFillSync(new Uint8Array(length))
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('A primitive refused its input')
  return value
}
