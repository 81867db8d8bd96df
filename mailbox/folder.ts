// The folder of a mailbox that is not running: what its operator can do then.

import { multiaddr } from '@multiformats/multiaddr'
import { encodeMailboxLink } from '../protocol/link.ts'
import { Records } from '../net/records.ts'
import { systemClock } from '../net/platform/clock.ts'
import { openHome } from '../net/platform/home.ts'
import { platformRandom } from '../net/platform/random.ts'
import { peerName } from '../net/peer-name.ts'
import { LevelMailboxStore } from './level/level-store.ts'
import { Operator } from './operator.ts'
import { Retirement } from './retirement.ts'
import { Rules } from './rules.ts'
import { TimeBase } from './time-base.ts'
import type { Home, OpenHomeOptions } from '../net/platform/home.ts'
import type { PeerName } from '../net/ports.ts'
import type { RulesInit } from './rules.ts'
import type { Statistics } from './store.ts'

export interface OpenMailboxOptions extends RulesInit {
  readonly dir: string
  /** Asked for the passphrase when the folder is sealed. */
  readonly unlock?: OpenHomeOptions['unlock']
  readonly keyFile?: OpenHomeOptions['keyFile']
  /** Multiaddr that stands in links, if the mailbox has never served. */
  readonly address?: string | undefined
}

/** A mailbox that nobody can reach. */
export interface MailboxFolder {
  readonly peer: PeerName
  readonly operator: Operator
  statistics(): Promise<Statistics>
  close(): Promise<void>
}

/** Opens the folder and serves nobody. Rejects with `HomeError` (ERR_NOT_FOUND, ERR_LOCKED, …), or with what `unlock` threw. */
export async function openMailbox(options: OpenMailboxOptions): Promise<MailboxFolder> {
  const home = await openHome(options.dir, { unlock: options.unlock, keyFile: options.keyFile })
  try {
    return await open(home, options)
  } catch (cause) {
    await home.close()
    throw cause
  }
}

async function open(home: Home, options: OpenMailboxOptions): Promise<MailboxFolder> {
  const { account, store: level, dataKey, reopen } = home
  const { address: named } = options
  const [clock, random] = [systemClock, platformRandom]
  const records = new Records({ store: level, dataKey, clock, random, reopen })
  const rules = new Rules(options)
  const store = new LevelMailboxStore({ records, clock, limits: rules.limits })
  await store.start()
  const time = new TimeBase({ store, clock })
  await time.start()
  const retirement = new Retirement({ account, store, clock })
  await retirement.load()
  const link = async (joinSecret: Uint8Array): Promise<string> => {
    const kept = await store.setting('address')
    const address = kept ?? (named === undefined ? undefined : multiaddr(named).bytes)
    const addresses = address === undefined ? [] : [address]
    return encodeMailboxLink({ account: account.key, addresses, joinSecret })
  }
  return {
    peer: peerName(account.key),
    operator: new Operator({ store, rules, retirement, random, now: () => time.now(), link }),
    statistics: () => store.statistics(),
    close: async () => {
      await store.stop()
      await records.close()
      await home.close()
    },
  }
}
