// Reads device key, prekeys and bundles of our own from the store. What is damaged is left out and said, with everything that is
// of no use without it; own-bundles.ts makes up for it.

import { verifyBundle, type VerifiedBundle } from '../protocol/bundle.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { RecordError } from '../protocol/errors.ts'
import { wipeAll } from '../protocol/secret.ts'
import type { AccountKey } from '../protocol/account.ts'
import type { Operation, Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import type { DamageKind } from './api.ts'
import { soundly, type DamagedRecord } from './damage.ts'
import { keys } from './keys.ts'
import {
  decodeDevice,
  decodeGeneration,
  decodeIssuedBundle,
  putIssued,
  type IssuedBundle,
  type PrekeyGeneration,
  type StoredDevice,
} from './own-codec.ts'

export interface LoadedKeys {
  /** Undefined where there is none, or it is damaged. */
  readonly device: StoredDevice | undefined
  /** By the id of the signed prekey; none where the device key is gone that first messages would need as well. */
  readonly generations: ReadonlyMap<number, PrekeyGeneration>
  /** Those whose prekeys are held. */
  readonly issued: readonly IssuedBundle[]
  readonly current: VerifiedBundle | undefined
  /** No bundle of ours had a higher one, nor a certificate: their names in the store say so, whatever became of the values. */
  readonly highestSequence: number
  /** What the store needs to agree with this: it lets go of what is damaged, and of what is of no use any more. */
  readonly mending: readonly Operation[]
  readonly damage: readonly DamagedRecord[]
}

/**
 * Throws `StoreError` ERR_CORRUPT where nothing in the store opens: that is another data key, and no damage to make up for.
 * Otherwise as `OwnKeys.start`.
 */
export async function loadOwnKeys(records: Records, account: AccountKey): Promise<LoadedKeys> {
  await checkDataKey(records)
  const damage: DamagedRecord[] = []
  const device = await loadDevice(records, account, damage)
  const found = await all(records, keys.generations, 'prekey', damage)
  const generations = [...found.values()].map(decodeGeneration)
  const bundles = await all(records, keys.issuedBundles, 'bundle', damage)
  const issued = [...bundles.values()].map(decodeIssuedBundle)
  const damagedBundles = damage.filter(({ key }) => key.startsWith(keys.issuedBundles))
  const names = [...bundles.keys(), ...damagedBundles.map(({ key }) => key)]
  const current = await loadCurrent(records, { account, issued, generations }, damage)
  if (device === undefined) wipeGenerations(generations)
  const usable = new Map(
    (device === undefined ? [] : generations).map((one) => [one.signed.id, one] as const),
  )
  const kept = withCurrent(issued, current).filter((one) => usable.has(one.signedPrekeyId))
  return {
    device,
    generations: usable,
    issued: kept,
    current,
    highestSequence: Math.max(0, current?.sequence ?? 0, ...names.map(sequenceOf)),
    mending: [
      ...damage.map(({ key }) => ({ type: 'del', key }) as const),
      ...(device === undefined ? [...found.keys(), ...bundles.keys()] : []).map(
        (key) => ({ type: 'del', key }) as const,
      ),
      ...kept.filter((one) => !issued.includes(one)).map(putIssued),
    ],
    damage,
  }
}

/** Wipes the private halves. */
export function wipeGenerations(generations: Iterable<PrekeyGeneration>): void {
  for (const { signed, kem } of generations) wipeAll([signed.keyPair.privateKey, kem.seed])
}

async function checkDataKey(records: Records): Promise<void> {
  const damaged: string[] = []
  const range = records.range('', { limit: 1, damaged: (key) => damaged.push(key) })
  for await (const { value } of range) {
    value.fill(0)
    return
  }
  const [key] = damaged
  if (key !== undefined) throw new StoreError('ERR_CORRUPT', { key })
}

async function loadDevice(
  records: Records,
  account: AccountKey,
  damage: DamagedRecord[],
): Promise<StoredDevice | undefined> {
  const stored = await soundly(records, keys.device)
  if (stored === 'damaged') damage.push({ what: 'device', key: keys.device })
  if (stored === undefined || stored === 'damaged') return undefined
  const device = decodeDevice(stored)
  if (!equalBytes(device.account, account)) throw new RecordError('ERR_WRONG_ACCOUNT')
  return device
}

/** Sound records by their names. */
async function all(
  records: Records,
  prefix: string,
  what: DamageKind,
  damage: DamagedRecord[],
): Promise<ReadonlyMap<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>()
  const damaged = (key: string): void => void damage.push({ what, key })
  for await (const { key, value } of records.range(prefix, { damaged })) found.set(key, value)
  return found
}

interface Known {
  readonly account: AccountKey
  readonly issued: readonly IssuedBundle[]
  readonly generations: readonly PrekeyGeneration[]
}

/** The bundle that is published: read as of its issue, as it may have expired while the node was off, and is signed again then. */
async function loadCurrent(
  records: Records,
  { account, issued, generations }: Known,
  damage: DamagedRecord[],
): Promise<VerifiedBundle | undefined> {
  const stored = await soundly(records, keys.bundle)
  if (stored === 'damaged') damage.push({ what: 'bundle', key: keys.bundle })
  if (stored === undefined || stored === 'damaged') return undefined
  const newest = issued.reduce<IssuedBundle | undefined>(
    (a, b) => (a === undefined || b.sequence > a.sequence ? b : a),
    undefined,
  )
  // Where its own note is damaged, its prekeys say the same.
  const times = [newest?.issuedAt, ...generations.map(({ lastIssuedAt }) => lastIssuedAt)]
  for (const now of times) {
    try {
      if (now !== undefined) return verifyBundle(stored, { account, now })
    } catch (cause) {
      if (!isOfAnotherTime(cause)) throw cause
    }
  }
  return undefined
}

function isOfAnotherTime(cause: unknown): boolean {
  if (!(cause instanceof RecordError)) return false
  return cause.code === 'ERR_EXPIRED' || cause.code === 'ERR_NOT_YET_VALID'
}

/** The published bundle says of itself what its note said. */
function withCurrent(
  issued: readonly IssuedBundle[],
  current: VerifiedBundle | undefined,
): readonly IssuedBundle[] {
  if (current === undefined) return issued
  const { sequence, digest, issuedAt, signedPrekey } = current
  if (issued.some((one) => one.sequence === sequence)) return issued
  return [...issued, { sequence, digest, issuedAt, signedPrekeyId: signedPrekey.id }]
}

function sequenceOf(key: string): number {
  return Number.parseInt(key.slice(keys.issuedBundles.length), 16)
}
