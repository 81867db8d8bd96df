/**
 * The device key, the prekeys of every bundle that a first message may still name, and the bundle that is published now. Each
 * change is one commit, and shows only once that is done. When something is due is decided by own-keys.ts, the only user.
 */
import { signBundle } from '../protocol/bundle.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { generateSecret, x25519KeyPair } from '../protocol/crypto.ts'
import { certifyDevice } from '../protocol/device.ts'
import { createLastResortKemPrekey, createSignedPrekey } from '../protocol/prekeys.ts'
import { keys } from './keys.ts'
import { BUNDLE_VALIDITY, CERTIFICATE_VALIDITY, CLOCK_JUMP, PREKEY_KEPT } from './lifetimes.ts'
import { encodeDevice, encodeGeneration, putIssued, wipeValues } from './own-codec.ts'
import { loadOwnKeys, wipeGenerations } from './own-load.ts'
import type { Account } from '../protocol/account.ts'
import type { BundleMailbox, VerifiedBundle } from '../protocol/bundle.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Device, DeviceCertificate } from '../protocol/device.ts'
import type { Operation, Records } from '../net/records.ts'
import type { Damages } from './damage.ts'
import type { IssuedBundle, PrekeyGeneration, StoredDevice } from './own-codec.ts'

export interface OwnBundlesInit {
  readonly damages: Damages
  readonly account: Account
  readonly records: Records
  readonly random: RandomBytes
  /** Whether a one-time pair has this id. */
  readonly taken: (id: number) => boolean
}

/** One device per account for now. */
export const DEVICE_ID = 1

export class OwnBundles {
  readonly #account: Account
  readonly #records: Records
  readonly #random: RandomBytes
  readonly #taken: (id: number) => boolean
  readonly #damages: Damages
  #device: StoredDevice | undefined
  /** By the id of the signed prekey. */
  #generations: ReadonlyMap<number, PrekeyGeneration> = new Map()
  /** Every bundle whose prekeys are held. */
  #issued: readonly IssuedBundle[] = []
  #current: VerifiedBundle | undefined
  #highestSequence = 0
  /** Goes with the first commit. */
  #mending: readonly Operation[] = []

  constructor(init: OwnBundlesInit) {
    this.#account = init.account
    this.#records = init.records
    this.#random = init.random
    this.#taken = init.taken
    this.#damages = init.damages
  }

  /** Reads what is stored; damage is noted. Throws as `OwnKeys.start`. */
  async load(): Promise<void> {
    const loaded = await loadOwnKeys(this.#records, this.#account.key)
    for (const record of loaded.damage) this.#damages.note(record)
    this.#device = loaded.device
    this.#generations = loaded.generations
    this.#issued = loaded.issued
    this.#current = loaded.current
    this.#highestSequence = loaded.highestSequence
    this.#mending = loaded.mending
  }

  /** The highest sequence that a bundle of ours has ever had, 0 if there was none. Sequences follow the clock. */
  get highestSequence(): number {
    return this.#highestSequence
  }

  /**
   * Makes device, prekeys and a first bundle where there is nothing, and anew what was damaged: prekeys and a bundle that name
   * the device as it is now, or another device. True if there were sessions of a device whose key is gone.
   */
  async start(now: number): Promise<boolean> {
    const isWhole =
      this.#current !== undefined && this.#generations.has(this.#current.signedPrekey.id)
    if (this.#device === undefined) {
      const before = this.#highestSequence > 0
      await this.#create(now)
      return before
    }
    if (!isWhole) await this.#begin(now, [])
    else if (this.#mending.length > 0) await this.#records.commit(this.#mending)
    this.#mending = []
    return false
  }

  /** Wipes the private halves in memory. */
  stop(): void {
    wipeGenerations(this.#generations.values())
    this.#device?.identityKeyPair.privateKey.wipe()
    this.#generations = new Map()
    this.#issued = []
    this.#device = undefined
    this.#current = undefined
    this.#highestSequence = 0
    this.#mending = []
  }

  /** The bundle that is published now. */
  get bundle(): VerifiedBundle {
    if (this.#current === undefined) throw notStarted()
    return this.#current
  }

  /** The prekeys that `bundle` names. */
  get generation(): PrekeyGeneration {
    const generation = this.#generations.get(this.bundle.signedPrekey.id)
    if (generation === undefined) throw notStarted()
    return generation
  }

  /** The prekeys with this signed prekey. */
  byId(signedPrekeyId: number): PrekeyGeneration | undefined {
    return this.#generations.get(signedPrekeyId)
  }

  /** The device as one of its certificates names it. */
  deviceWith(certificate: DeviceCertificate): Device {
    if (this.#device === undefined) throw notStarted()
    const { account, identityKeyPair } = { ...this.#device, account: this.#account.key }
    return { account, certificate, identityKeyPair }
  }

  /** Whether a prekey of a bundle has this id. */
  holds(id: number): boolean {
    return [...this.#generations.values()].some(
      ({ signed, kem }) => signed.id === id || kem.id === id,
    )
  }

  /** Whether this very bundle was signed here and its prekeys are held. */
  isKnown(sequence: number, digest: Uint8Array): boolean {
    return this.#issued.some((one) => one.sequence === sequence && equalBytes(one.digest, digest))
  }

  /** Signs a bundle with the present prekeys and these mailboxes. */
  async sign(
    now: number,
    mailboxes: readonly BundleMailbox[],
    alongside: readonly Operation[] = [],
  ): Promise<void> {
    await this.#issue(this.generation, now, mailboxes, alongside)
  }

  /** Signs a bundle with new prekeys; with a new certificate too, where `certify` says so. */
  async rotate(now: number, certify: boolean): Promise<void> {
    const { certificate } = this.generation
    const next = certify ? this.#certify(now, certificate.sequence) : certificate
    await this.#issue(this.#makePrekeys(next, now), now, this.bundle.mailboxes, [])
  }

  /** Prekeys that were issued while the clock was ahead count as issued now. */
  async correct(now: number): Promise<void> {
    const wrong = [...this.#generations.values()].filter(
      ({ lastIssuedAt }) => lastIssuedAt > now + CLOCK_JUMP,
    )
    if (wrong.length === 0) return
    const times = { lastIssuedAt: now, lastExpiresAt: now + BUNDLE_VALIDITY }
    const right = wrong.map((generation) => ({ ...generation, ...times }))
    const operations = right.map(putGeneration)
    const committed = this.#records.commit(operations)
    wipeValues(operations) // sealed by now
    await committed
    const corrected = right.map((generation) => [generation.signed.id, generation] as const)
    this.#generations = new Map([...this.#generations, ...corrected])
  }

  /** Destroys prekeys that no first message may name any more, and what was remembered with them. */
  async destroy(now: number): Promise<void> {
    const dead = [...this.#generations.values()].filter(
      (one) => one !== this.generation && one.lastIssuedAt < now - PREKEY_KEPT,
    )
    if (dead.length === 0) return
    const ids = new Set(dead.map(({ signed }) => signed.id))
    const forgotten = this.#issued.filter((one) => ids.has(one.signedPrekeyId))
    await this.#records.commit([
      ...dead.map(({ signed }) => ({ type: 'del', key: keys.generation(signed.id) }) as const),
      ...forgotten.map(
        ({ sequence }) => ({ type: 'del', key: keys.issuedBundle(sequence) }) as const,
      ),
    ])
    this.#issued = this.#issued.filter((one) => !ids.has(one.signedPrekeyId))
    this.#generations = new Map([...this.#generations].filter(([id]) => !ids.has(id)))
    wipeGenerations(dead)
  }

  async #create(now: number): Promise<void> {
    const identityKey = generateSecret('IdentityKey', 32, this.#random)
    const account = this.#account.key
    const device = { account, device: DEVICE_ID, identityKeyPair: x25519KeyPair(identityKey) }
    this.#device = device
    const record: Operation = { type: 'put', key: keys.device, value: encodeDevice(device) }
    await this.#begin(now, [record])
    wipeValues([record])
  }

  /** New prekeys under a new certificate, and a bundle with them. */
  async #begin(now: number, alongside: readonly Operation[]): Promise<void> {
    // No certificate was ever numbered higher than the bundles.
    const prekeys = this.#makePrekeys(this.#certify(now, this.#highestSequence), now)
    const mailboxes = this.#current?.mailboxes ?? []
    await this.#issue(prekeys, now, mailboxes, [...this.#mending, ...alongside])
    this.#mending = []
  }

  /** Sequences follow the clock, so that an account restored without its store is still ahead of what it signed before. */
  #certify(now: number, previous: number): DeviceCertificate {
    if (this.#device === undefined) throw notStarted()
    return certifyDevice(this.#account, {
      device: DEVICE_ID,
      identityKey: this.#device.identityKeyPair.publicKey,
      sequence: Math.max(previous + 1, now),
      issuedAt: now,
      expiresAt: now + CERTIFICATE_VALIDITY,
    })
  }

  #makePrekeys(certificate: DeviceCertificate, now: number): PrekeyGeneration {
    const isTaken = (id: number): boolean => this.holds(id) || this.#taken(id)
    const signed = createSignedPrekey(this.#random, isTaken)
    const kem = createLastResortKemPrekey(this.#random, (id) => id === signed.id || isTaken(id))
    return { signed, kem, certificate, createdAt: now, lastIssuedAt: now, lastExpiresAt: now }
  }

  async #issue(
    prekeys: PrekeyGeneration,
    now: number,
    mailboxes: readonly BundleMailbox[],
    alongside: readonly Operation[],
  ): Promise<void> {
    const expiresAt = now + BUNDLE_VALIDITY
    const bundle = signBundle(this.#account, {
      certificate: prekeys.certificate,
      signedPrekey: { id: prekeys.signed.id, key: prekeys.signed.keyPair.publicKey },
      lastResortKemPrekey: { id: prekeys.kem.id, key: prekeys.kem.publicKey },
      sequence: Math.max(this.#highestSequence + 1, now),
      issuedAt: now,
      expiresAt,
      mailboxes,
    })
    const generation = {
      ...prekeys,
      lastIssuedAt: Math.max(prekeys.lastIssuedAt, now),
      lastExpiresAt: Math.max(prekeys.lastExpiresAt, expiresAt),
    }
    const signedPrekeyId = generation.signed.id
    const { sequence, digest } = bundle
    const issued: IssuedBundle = { sequence, digest, signedPrekeyId, issuedAt: now }
    const operations = operationsOf(bundle, generation, issued)
    const committed = this.#records.commit([...alongside, ...operations])
    wipeValues(operations) // sealed by now
    await committed
    this.#current = bundle
    this.#highestSequence = sequence
    this.#issued = [...this.#issued, issued]
    this.#generations = new Map([...this.#generations, [signedPrekeyId, generation]])
  }
}

function operationsOf(
  bundle: VerifiedBundle,
  generation: PrekeyGeneration,
  issued: IssuedBundle,
): readonly Operation[] {
  return [
    putGeneration(generation),
    putIssued(issued),
    // A copy: the values of a commit are overwritten, the bundle lives on.
    { type: 'put', key: keys.bundle, value: bundle.bytes.slice() },
  ]
}

function putGeneration(generation: PrekeyGeneration): Operation {
  const key = keys.generation(generation.signed.id)
  return { type: 'put', key, value: encodeGeneration(generation) }
}

function notStarted(): Error {
  return new Error('own keys are not loaded')
}
