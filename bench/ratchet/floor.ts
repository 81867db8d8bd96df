/**
 * What the primitives alone cost: the hashes, sealings, curve operations and random keys that each job cannot do without, on inputs as
 * long as they are there, with no state, no framing and no checks. Nothing built on these primitives can be faster. A test
 * compares what is called here with what is called for the jobs.
 */
import { SESSION_PREFIX } from '../../protocol/envelope.ts'
import { encodeBody } from '../../protocol/padding.ts'
import type { Primitives } from '../../protocol/primitives.ts'
import { primitives, ready, useProvider } from '../../protocol/provider.ts'
import { REVERSED } from './jobs.ts'

const MESSAGES = 10_000
const TURNS = 2_000
const SET_UPS = 200

const CONTEXT = new TextEncoder().encode('benchctx')
const LABEL = new TextEncoder().encode('\x0fsotto/1 message')

/** Lengths in bytes of what is signed, hashed and sealed in a handshake with one-time keys. */
const BUNDLE = 1699
const SIGNED = { bundle: 1608, certificate: 125, oneTime: 1344 } as const
const TRANSCRIPT = { before: 2786, full: 818 } as const
const IDENTITY = 342
const FIRST_PREFIX = 1511

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
      const prefix = bytes(FIRST_PREFIX)
      const handshake = (): void => {
        steps.initiate()
        const envelope = steps.send(body, prefix)
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

interface Signed {
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

interface Sealed {
  readonly prefix: Uint8Array
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
  readonly #bundle = bytes(BUNDLE)
  readonly #before = bytes(TRANSCRIPT.before)
  readonly #full = bytes(TRANSCRIPT.full)
  readonly #identity = bytes(IDENTITY)
  readonly #point: Uint8Array
  readonly #account: Uint8Array
  readonly #sealedIdentity: Uint8Array
  readonly #signedBundle: Signed
  readonly #signedCertificate: Signed
  readonly #signedOneTime: Signed
  readonly #kemKey: Uint8Array
  readonly #kemCiphertext: Uint8Array

  constructor(primitives: Primitives) {
    this.#p = primitives
    this.#point = primitives.x25519Base(bytes(32))
    this.#account = primitives.ed25519PublicKey(this.#seed)
    this.#signedBundle = this.#signed(SIGNED.bundle)
    this.#signedCertificate = this.#signed(SIGNED.certificate)
    this.#signedOneTime = this.#signed(SIGNED.oneTime)
    this.#sealedIdentity = primitives.seal(this.#key, this.#salt, [this.#ad], [this.#identity], 0)
    this.#kemKey = primitives.kemPublicKey(this.#kemSeed)
    this.#kemCiphertext = defined(primitives.kemEncapsulate(this.#kemKey, bytes(32))).ciphertext
  }

  /** Chain step, message keys, salt, header, body, digest and tag. */
  send(body: Uint8Array, prefix = SESSION_PREFIX): Sealed {
    this.nextKeys()
    this.#p.blake2b(16, [this.#key], LABEL, [this.#salt, this.#header, body])
    const ad = [this.#ad, prefix]
    const header = this.#p.seal(this.#key, this.#salt, ad, [this.#header], 0)
    const sealed = this.#p.seal(this.#key, this.#salt, [...ad, header], [body], 0)
    this.#tag(prefix, sealed)
    return { prefix, header, body: sealed }
  }

  receive(envelope: Sealed): void {
    this.nextKeys()
    this.open(envelope)
  }

  /** What opening costs when the key is at hand. */
  open({ prefix, header, body }: Sealed): void {
    this.#tag(prefix, body)
    const ad = [this.#ad, prefix]
    defined(this.#p.open(this.#key, this.#salt, ad, header))
    defined(this.#p.open(this.#key, this.#salt, [...ad, header], body))
  }

  /** One step of a chain and the message key mixed with the epoch's. */
  nextKeys(): void {
    const [, messageKey] = this.#p.kdfPair(1, CONTEXT, this.#key)
    this.#p.blake2bPair([messageKey, this.#key], LABEL, [this.#salt])
  }

  /** Both halves of a turn of the Diffie-Hellman ratchet, and a tag that is looked for in two chains. */
  turn(): void {
    this.#p.blake2b(16, [this.#key], LABEL, [this.#salt, this.#key])
    this.#rootStep(2)
    this.#newKey()
    this.#rootStep(2)
  }

  /** Three signatures, key pair, four Diffie-Hellmans, encapsulation, hidden identity, first root step. */
  initiate(): void {
    this.#verify(this.#signedBundle)
    this.#verify(this.#signedCertificate)
    this.#p.blake2b(32, [], LABEL, [this.#bundle])
    this.#verify(this.#signedOneTime)
    this.#newKey()
    defined(this.#p.kemEncapsulate(this.#kemKey, draw()))
    this.#agree()
    this.#p.blake2b(16, [this.#key], LABEL, [draw(16), this.#identity])
    this.#p.seal(this.#key, this.#salt, [this.#ad], [this.#identity], 0)
    this.#sessionSecrets()
    this.#newKey()
    this.#rootStep(10) // with the header keys of three chains and the keys of the first epoch
  }

  /** The responder's half: the same secrets, the hidden identity with its certificate and account, and both root steps. */
  accept(): void {
    this.#agree()
    this.#p.kemDecapsulate(this.#kemSeed, this.#kemCiphertext)
    defined(this.#p.open(this.#key, this.#salt, [this.#ad], this.#sealedIdentity))
    this.#verify(this.#signedCertificate)
    this.#p.ed25519IsPrimeOrder(this.#account)
    this.#sessionSecrets()
    this.#rootStep(10)
    this.#newKey()
    this.#rootStep(2)
  }

  /** Four Diffie-Hellmans, the transcript so far, and the keys of the hidden identity. */
  #agree(): void {
    for (let i = 0; i < 4; i++) defined(this.#p.x25519(this.#key, this.#point))
    this.#p.blake2b(64, [], LABEL, [this.#before])
    this.#p.blake2b(64, [this.#ad], LABEL, [this.#ad, this.#ad])
    this.#p.blake2b(32, [this.#ad], LABEL, [])
  }

  /** The whole transcript, and what grows from it: session, header keys, epoch, and the session's name. */
  #sessionSecrets(): void {
    this.#p.blake2b(64, [], LABEL, [this.#full])
    this.#p.blake2b(64, [this.#ad], LABEL, [this.#ad, this.#ad, this.#ad])
    for (let i = 0; i < 5; i++) this.#p.blake2b(32, [this.#ad], LABEL, [])
  }

  #newKey(): void {
    this.#p.x25519Base(draw())
  }

  /** Diffie-Hellman, root key, chain key and next header key, and keys that are expanded with them. */
  #rootStep(expanded: number): void {
    defined(this.#p.x25519(this.#key, this.#point))
    const step = this.#p.blake2b(32, [this.#key, this.#key], LABEL, [])
    for (let id = 1; id <= 3 + expanded; id++) this.#p.kdf(id, CONTEXT, step)
  }

  #tag(prefix: Uint8Array, body: Uint8Array): void {
    const digest = this.#p.blake2b(32, [], LABEL, [prefix, this.#header, body])
    this.#p.blake2b(16, [this.#key], LABEL, [this.#salt, digest])
  }

  #signed(length: number): Signed {
    const message = bytes(length)
    return { message, signature: this.#p.ed25519Sign(this.#seed, this.#account, message) }
  }

  #verify({ message, signature }: Signed): void {
    if (!this.#p.ed25519Verify(this.#account, message, signature)) {
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
  return crypto.getRandomValues(new Uint8Array(length))
}

/** What a key or a salt is made of: from the platform's generator each time. */
function draw(length = 32): Uint8Array {
  return bytes(length)
}

function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('A primitive refused its input')
  return value
}
