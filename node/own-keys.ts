/**
 * The keys of this account's device and the bundle that publishes them: made, rotated, remembered and destroyed by the table
 * of docs/protocol.md, "Lifetimes". Private halves are on the disk before a public half leaves.
 */
import { MAX_CLOCK_SKEW } from '../protocol/record-time.ts'
import { KeyedLock } from '../net/lock.ts'
import { ClockGuard } from './clock-guard.ts'
import { Damages } from './damage.ts'
import { BUNDLE_RESIGN, CERTIFICATE_RENEWAL, PREKEY_ROTATION } from './lifetimes.ts'
import { OneTimePairs } from './one-time-pairs.ts'
import { DEVICE_ID, OwnBundles } from './own-bundles.ts'
import type { Account, AccountKey } from '../protocol/account.ts'
import type { BundleMailbox, VerifiedBundle } from '../protocol/bundle.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Device } from '../protocol/device.ts'
import type { KemPrekey, OneTimePair, SignedPrekey } from '../protocol/prekeys.ts'
import type { Clock } from '../net/ports.ts'
import type { Operation, Records } from '../net/records.ts'
import type { SignedPair } from './one-time-pairs.ts'

export interface OwnKeysInit {
  /** Told of damaged records, which cost what they held. @default nobody */
  readonly damages?: Damages
  readonly account: Account
  readonly records: Records
  readonly clock: Clock
  /** The platform's generator: keys are drawn from it. */
  readonly random: RandomBytes
}

/** The prekeys that a first message names. */
export interface PrekeyIds {
  readonly signedPrekeyId: number
  /** Of the last-resort KEM prekey or, with `oneTime`, of the pair. */
  readonly kemId: number
  readonly oneTime: boolean
}

/** Private halves for a first message, and the device as its sender saw it. */
export interface NamedPrekeys {
  readonly signed: SignedPrekey
  readonly kem: KemPrekey
  readonly oneTime?: OneTimePair | undefined
  /** With the certificate that was published with these prekeys: the transcript covers it, a later one would not fit. */
  readonly device: Device
  /** Unix ms: a first message counts only if it reached its custody before. */
  readonly acceptUntil: number
}

/** Changes of the keys, one after another. */
const LOCK = 'own'

export class OwnKeys {
  /** Asked before anything is destroyed or expired, by others as well. */
  readonly guard: ClockGuard
  readonly #clock: Clock
  readonly #bundles: OwnBundles
  readonly #pairs: OneTimePairs
  readonly #lock = new KeyedLock()
  #isReplaced = false
  readonly #listeners = new Set<(bundle: VerifiedBundle) => void>()

  constructor(init: OwnKeysInit) {
    this.#clock = init.clock
    const { damages = new Damages() } = init
    this.guard = new ClockGuard({ ...init, damages })
    this.#bundles = new OwnBundles({ ...init, damages, taken: (id) => this.#pairs.has(id) })
    this.#pairs = new OneTimePairs({ ...init, damages, taken: (id) => this.#bundles.holds(id) })
  }

  /**
   * Loads the keys, or makes them, makes up for damaged ones, and brings them up to date. Throws `RecordError` ERR_WRONG_ACCOUNT where the store belongs to
   * another account, `DecodeError` where a newer version wrote it, `StoreError` (ERR_CORRUPT where nothing opens with our data key).
   */
  async start(): Promise<void> {
    await this.#bundles.load()
    await this.guard.start(this.#bundles.highestSequence)
    await this.#pairs.load()
    const now = this.guard.jump === 'back' ? this.guard.now() : this.#clock.now()
    this.#isReplaced = await this.#bundles.start(now)
    await this.maintain()
  }

  /** Wipes the private halves in memory. Changes that are on their way are finished first. */
  async stop(): Promise<void> {
    await this.#lock.run(LOCK, async () => {
      this.guard.stop()
      this.#pairs.unload()
      this.#bundles.stop()
    })
  }

  /** Whether the start has put another device key in the place of a damaged one: sessions of before are to be replaced. */
  get isReplaced(): boolean {
    return this.#isReplaced
  }

  /** This device with its current certificate: for handshakes that we begin. */
  get device(): Device {
    return this.#bundles.deviceWith(this.#bundles.generation.certificate)
  }

  /** The bundle to publish. */
  get bundle(): VerifiedBundle {
    return this.#bundles.bundle
  }

  /** Told of each new bundle, after it is stored. Returns the function that stops it. */
  watch(listener: (bundle: VerifiedBundle) => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** The private halves that a first message names; `undefined` for any combination that was never published or is gone. */
  prekeysFor({ signedPrekeyId, kemId, oneTime }: PrekeyIds): NamedPrekeys | undefined {
    const generation = this.#bundles.byId(signedPrekeyId)
    if (generation === undefined) return undefined
    const { signed, kem, certificate, lastExpiresAt: acceptUntil } = generation
    const named = { signed, kem, device: this.#bundles.deviceWith(certificate), acceptUntil }
    if (!oneTime) return kem.id === kemId ? named : undefined
    const pair = this.#pairs.get(kemId)
    return pair === undefined ? undefined : { ...named, oneTime: pair }
  }

  /** The mailbox that a one-time pair which we hold is meant for. */
  oneTimeMailbox(id: number): Uint8Array | undefined {
    return this.#pairs.mailboxOf(id)
  }

  /** One-time pairs that a mailbox was given and that no first message has used, as far as they may still be on its shelf. */
  oneTimePairsOutstanding(mailbox: AccountKey, after = 0): number {
    return this.#pairs.outstanding(mailbox, after)
  }

  /** One-time pairs that a mailbox was given, issued after some moment, and that no first message has used. */
  oneTimePairsGiven(mailbox: AccountKey, after: number): number {
    return this.#pairs.given(mailbox, after)
  }

  /** Whether a private half with this id is still held: what was made with it must be remembered as long. */
  holds(id: number): boolean {
    return this.#bundles.holds(id) || this.#pairs.has(id)
  }

  /** Whether we have signed this very bundle, and still hold its prekeys. */
  bundleKnown(sequence: number, digest: Uint8Array): boolean {
    return this.#bundles.isKnown(sequence, digest)
  }

  /**
   * The operations that delete a used pair, to ride in the commit that stores its session. The pair is not given out again;
   * `forgetOneTime` after the commit, `restoreOneTime` where it failed. Throws `SessionError` ERR_UNKNOWN_PREKEY.
   */
  spendOneTime(id: number): readonly Operation[] {
    return this.#pairs.spend(id)
  }

  forgetOneTime(id: number): void {
    this.#pairs.forget(id)
  }

  restoreOneTime(id: number): void {
    this.#pairs.restore(id)
  }

  /** After failed commits: which of the pairs in them are used. To be called before pairs are asked for. Rejects with `StoreError`. */
  recoverOneTime(): Promise<void> {
    return this.#pairs.recover()
  }

  /** Makes and stores pairs for one mailbox, and returns their public halves; fewer where too many are out. */
  async createOneTimePairs(mailbox: AccountKey, count: number): Promise<readonly SignedPair[]> {
    return this.#lock.run(LOCK, () => this.#pairs.create(DEVICE_ID, mailbox, count))
  }

  /** Pairs that this mailbox has not acknowledged, issued after some moment. */
  pendingOneTimePairs(mailbox: AccountKey, after = 0): readonly SignedPair[] {
    return this.#pairs.pending(mailbox, after)
  }

  oneTimePairsUploaded(ids: readonly number[]): void {
    this.#pairs.uploaded(ids)
  }

  /**
   * Signs a bundle that names these mailboxes. `alongside` is committed with it, so that a record of the mailboxes and the
   * bundle never disagree.
   */
  async setMailboxes(
    mailboxes: readonly BundleMailbox[],
    alongside: readonly Operation[] = [],
  ): Promise<void> {
    await this.#change(() => this.#bundles.sign(this.#issueTime(), mailboxes, alongside))
  }

  /** Replaces the prekeys before their time: after a theft, or when too many strangers used the last-resort one. */
  async rotate(): Promise<void> {
    await this.#change(() => this.#bundles.rotate(this.#issueTime(), false))
  }

  /** Other prekeys in the place of all that there are: the store went back, and may hold what was used since. Throws `StoreError`. */
  async replace(): Promise<void> {
    await this.#lock.run(LOCK, () => this.#pairs.drop())
    await this.rotate()
  }

  /**
   * Rotates, signs again and destroys what is due; to be called every hour or so. True when there is a new bundle. After a jump
   * of the clock only that is destroyed which the running time makes due. Nothing is signed while the clock has gone back: an
   * honest issue time would be one in the past, and the bundle that is out there is better.
   */
  async maintain(): Promise<boolean> {
    const before = this.bundle
    await this.#change(async () => {
      const agreed = this.guard.check()
      if (agreed) await this.#correct()
      if (this.guard.jump !== 'back') await this.#renew()
      const by = this.guard.destroyBy
      if (by === undefined) return
      await this.#bundles.destroy(by)
      await this.#pairs.expire(by)
    })
    return this.bundle !== before
  }

  /** What was made while the clock was ahead would be kept for as long as it was ahead. */
  async #correct(): Promise<void> {
    const now = this.#clock.now()
    await this.#bundles.correct(now)
    await this.#pairs.correct(now)
  }

  async #renew(): Promise<void> {
    const now = this.#clock.now()
    const { certificate, createdAt } = this.#bundles.generation
    // Prekeys and certificate change together: a first message names its prekeys, and these must tell its certificate.
    const certify = isDue(now, certificate.issuedAt, CERTIFICATE_RENEWAL)
    if (certify || isDue(now, createdAt, PREKEY_ROTATION)) await this.#bundles.rotate(now, certify)
    else if (isDue(now, this.bundle.issuedAt, BUNDLE_RESIGN)) {
      await this.#bundles.sign(now, this.bundle.mailboxes)
    }
  }

  /** Now; while the clock has gone back, not before the last bundle. */
  #issueTime(): number {
    const now = this.#clock.now()
    return this.guard.jump === 'back' ? Math.max(now, this.bundle.issuedAt) : now
  }

  /** Runs a change after the ones before it, and tells of a new bundle. */
  async #change(change: () => Promise<void>): Promise<void> {
    await this.#lock.run(LOCK, async () => {
      const before = this.bundle
      await change()
      if (this.bundle === before) return
      for (const listener of this.#listeners) listener(this.bundle)
    })
  }
}

/** At least that old; or made while the clock was ahead, so that others refuse it and it would hardly ever get old. */
function isDue(now: number, made: number, age: number): boolean {
  return now - made >= age || made - now > MAX_CLOCK_SKEW
}
