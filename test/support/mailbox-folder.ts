// The folder of a mailbox, opened without the mailbox: what is in its store, and putting something in.
import { LevelMailboxStore } from '../../mailbox/level/level-store.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { openHome } from '../../net/platform/home.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'
import { envelopeDigest, tokenHash } from '../../protocol/custody.ts'
import type { Custody } from '../../protocol/receipt.ts'
import type { Home, OpenHomeOptions } from '../../net/platform/home.ts'
import type { AccountKey } from '../../protocol/account.ts'

const DAY = 86_400_000

/** Room for as much as a test likes. */
const limits = { ...DEFAULT_LIMITS, ownerBytes: 2 ** 30, ownerMessages: 100_000 }

export class MailboxFolder {
  readonly home: Home
  readonly records: Records
  readonly store: LevelMailboxStore

  private constructor(home: Home) {
    this.home = home
    this.records = new Records({ store: home.store, dataKey: home.dataKey, clock, random })
    this.store = new LevelMailboxStore({ records: this.records, clock, limits })
  }

  /** Makes the folder where there is none. */
  static async open(dir: string, options: OpenHomeOptions = {}): Promise<MailboxFolder> {
    const folder = new MailboxFolder(await openHome(dir, { create: {}, ...options }))
    await folder.store.start()
    if ((await folder.store.time()) === undefined) await folder.store.setTime(clock.now())
    return folder
  }

  /** Runs a task on the folder and closes it. */
  static async with<T>(dir: string, task: (folder: MailboxFolder) => Promise<T>): Promise<T> {
    const folder = await MailboxFolder.open(dir)
    try {
      return await task(folder)
    } finally {
      await folder.close()
    }
  }

  /** Mail for an owner, with a token if one is given. */
  async deposit(
    owner: AccountKey,
    envelope: Uint8Array,
    options: { readonly depositId?: Uint8Array; readonly token?: Uint8Array } = {},
  ): Promise<Custody> {
    const { depositId = random(16), token } = options
    return await this.store.deposit({
      ...{ owner, depositId, envelope, envelopeDigest: envelopeDigest(envelope) },
      tokenHash: token === undefined ? undefined : tokenHash(token),
      takenAt: clock.now(),
      keptUntil: clock.now() + 21 * DAY,
      expiresAt: clock.now() + 21 * DAY,
    })
  }

  /** All that waits for an owner. */
  async waiting(owner: AccountKey): Promise<readonly { id: number; envelope: Uint8Array }[]> {
    const { items } = await this.store.read(owner, 0, { items: 100_000, bytes: 2 ** 30 })
    return items.map(({ id, envelope }) => ({ id, envelope }))
  }

  /** Names of all records. */
  async names(): Promise<readonly string[]> {
    return await this.home.store.keys().all()
  }

  async close(): Promise<void> {
    await this.store.stop()
    await this.records.close()
    await this.home.close()
  }
}
