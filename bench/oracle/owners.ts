/** Owners whose mail a mailbox refuses for one reason each, made in its folder before it serves. */
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { keys } from '../../mailbox/level/keys.ts'
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { openHome } from '../../net/platform/home.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'
import { accountFromSeed } from '../../protocol/account.ts'
import { toHex } from '../../protocol/bytes.ts'
import { generateSecret } from '../../protocol/crypto.ts'
import { envelopeDigest, tokenHash } from '../../protocol/custody.ts'
import { newPerson, publish } from '../people.ts'
import { ENVELOPE_BYTES } from '../mailbox/orders.ts'
import type { Store } from '../../net/ports.ts'
import type { Account, AccountKey } from '../../protocol/account.ts'
import type { Owners } from './orders.ts'

/** Long past for every bundle of today. */
const OLD_MS = 400 * 24 * 60 * 60 * 1000

const NO_POLICY = { label: '', status: 'active', quota: undefined } as const

/** Makes them, and says who they are. */
export async function makeOwners(folder: string): Promise<Owners> {
  const home = await openHome(folder, { create: {} })
  const records = new Records({ store: home.store, dataKey: home.dataKey, clock, random })
  const maker = new Maker(new LevelMailboxStore({ records, clock, limits: DEFAULT_LIMITS }))
  await maker.store.start()
  const owners = {
    deposit: {
      unknown: name(newAccount().key),
      removed: name(await maker.removed()),
      suspended: name(await maker.suspended()),
      full: name(await maker.full()),
      'lane-full': name(await maker.laneFull()),
      damaged: name(await maker.suspended()),
      control: name(newAccount().key),
    },
    bundle: {
      unknown: name(newAccount().key),
      missing: name(await maker.member()),
      expired: name(await maker.withBundle(-OLD_MS)),
      damaged: name(await maker.withBundle(0)),
      control: name(newAccount().key),
    },
  }
  await maker.store.stop()
  await records.close()
  await damage(home.store, maker.keyOf(owners.deposit.damaged, keys.policy))
  await damage(home.store, maker.keyOf(owners.bundle.damaged, keys.bundle))
  await home.close()
  return owners
}

class Maker {
  readonly store: LevelMailboxStore
  /** In the order in which they joined, which is that of their numbers. */
  readonly #joined: string[] = []

  constructor(store: LevelMailboxStore) {
    this.store = store
  }

  /** Name of a record of one of them. */
  keyOf(owner: string, named: (member: number) => string): string {
    return named(this.#joined.indexOf(owner) + 1)
  }

  async member(account: Account = newAccount()): Promise<AccountKey> {
    await this.store.join(account.key)
    this.#joined.push(name(account.key))
    return account.key
  }

  async removed(): Promise<AccountKey> {
    const owner = await this.member()
    await this.store.remove(owner)
    return owner
  }

  async suspended(): Promise<AccountKey> {
    const owner = await this.member()
    await this.store.setPolicy(owner, { ...NO_POLICY, status: 'suspended' })
    return owner
  }

  async full(): Promise<AccountKey> {
    const owner = await this.member()
    const quota = { bytes: ENVELOPE_BYTES, messages: 1 }
    await this.store.setPolicy(owner, { ...NO_POLICY, quota })
    await this.#deposit(owner)
    return owner
  }

  async laneFull(): Promise<AccountKey> {
    const owner = await this.member()
    const quota = { bytes: 4 * ENVELOPE_BYTES, messages: 2 }
    await this.store.setPolicy(owner, { ...NO_POLICY, quota })
    const slots = Array.from({ length: DEFAULT_LIMITS.ownerTokens }, (_, at) => at + 1)
    const tokens = slots.map((slot) => ({ slot, hash: tokenHash(random(32)) }))
    await this.store.setTokens(owner, tokens)
    await this.#deposit(owner)
    return owner
  }

  async withBundle(age: number): Promise<AccountKey> {
    const person = newPerson(clock.now() + age)
    const owner = await this.member(person.account)
    await this.store.replaceBundle(owner, publish(person).bundle)
    return owner
  }

  async #deposit(owner: AccountKey): Promise<void> {
    const envelope = new Uint8Array(ENVELOPE_BYTES)
    const now = clock.now()
    await this.store.deposit({
      ...{ owner, envelope, depositId: random(16), tokenHash: undefined },
      ...{ envelopeDigest: envelopeDigest(envelope), keptUntil: now + OLD_MS },
      ...{ takenAt: now, expiresAt: now + OLD_MS },
    })
  }
}

/** Flips a bit of what is stored. */
async function damage(store: Store, key: string): Promise<void> {
  const bytes = await store.get(key)
  if (bytes === undefined) throw new Error(`there is no ${key}`)
  const changed = bytes.slice()
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  await store.put(key, changed)
}

function newAccount(): Account {
  return accountFromSeed(generateSecret('AccountSeed', 32, random))
}

function name(account: AccountKey): string {
  return toHex(account)
}
