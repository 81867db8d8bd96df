// The mailbox as a service of a libp2p node.

import { encodeMailboxLink } from '../protocol/link.ts'
import { importSecret, ready } from '../protocol/crypto.ts'
import { Secret } from '../protocol/secret.ts'
import { Records } from '../net/records.ts'
import { libp2pWire } from '../net/wire.ts'
import { accountOfKey } from '../net/platform/identity-codec.ts'
import { systemClock } from '../net/platform/clock.ts'
import { platformRandom, pooled } from '../net/platform/random.ts'
import { linkAddresses } from './link-address.ts'
import { keptJoinSecret } from './join-secret.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { LevelMailboxStore } from './level/level-store.ts'
import { MailboxService } from './service.ts'
import type { PrivateKey, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Account } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory, PeerName, Store } from '../net/ports.ts'
import type { WireComponents } from '../net/wire.ts'
import type { MailboxLimits } from './limits.ts'
import type { MailboxServiceStatus } from './service.ts'

export interface MailboxInit {
  /** Open, with `valueEncoding: 'view'`, and for the mailbox alone. Stays with its owner, who closes it after the node has stopped. */
  readonly store: Store
  /** 32 bytes that seal what is stored. With another key nothing of it can be read. A `Secret` stays with its owner. */
  readonly dataKey: Uint8Array | Secret<'DataKey'>
  /** Closes and opens the store after a failed write. */
  readonly reopen?: () => Promise<void>
  /** Puts the bundles of owners who are away back into a DHT. */
  readonly directory?: Directory
  /** At most 32 bytes. @default made at the first start, and kept */
  readonly joinSecret?: Uint8Array
  readonly limits?: Partial<MailboxLimits>
  readonly clock?: Clock
  readonly random?: RandomBytes
}

/** What the service needs of the node. Its key must be Ed25519. */
export interface MailboxComponents extends WireComponents {
  readonly privateKey: PrivateKey
  readonly addressManager: { getAddresses(): Multiaddr[] }
}

export interface Mailbox {
  readonly peer: PeerName
  /** `SOTTO:M/1/…` with the join secret and one address. Whoever has it can join. Throws while the service is stopped. */
  link(): string
  /** Rejects while the service is stopped. */
  status(): Promise<MailboxServiceStatus>
}

/** Register with `createLibp2p({ services: { mailbox: mailbox({ store, dataKey }) } })`. */
export function mailbox(init: MailboxInit): (components: MailboxComponents) => Mailbox {
  return (components) => new HostedMailbox(init, components)
}

/** One start of the service. */
interface Run {
  readonly account: Account
  readonly records: Records
  readonly service: MailboxService
  readonly joinSecret: Uint8Array
}

class HostedMailbox implements Mailbox, Startable {
  readonly [Symbol.toStringTag] = 'sotto/mailbox'
  readonly peer: PeerName
  readonly #init: MailboxInit
  readonly #components: MailboxComponents
  #run: Run | undefined

  constructor(init: MailboxInit, components: MailboxComponents) {
    this.#init = init
    this.#components = components
    this.peer = components.peerId.toString() as PeerName
  }

  async start(): Promise<void> {
    if (this.#run !== undefined) return
    await ready
    this.#run = await this.#prepare()
    await this.#run.service.start()
  }

  async stop(): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    await run.service.stop()
    await run.records.close()
  }

  link(): string {
    const { account, joinSecret } = this.#running()
    const addresses = linkAddresses(this.#components.addressManager.getAddresses())
    return encodeMailboxLink({ account: account.key, addresses, joinSecret })
  }

  async status(): Promise<MailboxServiceStatus> {
    return await this.#running().service.status()
  }

  async #prepare(): Promise<Run> {
    const { store: level, dataKey: key, reopen, directory, limits } = this.#init
    const { clock = systemClock, random = platformRandom } = this.#init
    const account = accountOfKey(this.#components.privateKey)
    const dataKey = key instanceof Secret ? key : importSecret('DataKey', key.slice())
    const sealed = { store: level, dataKey, clock, random: pooled(random) }
    const records = new Records(reopen === undefined ? sealed : { ...sealed, reopen })
    const limited = { ...DEFAULT_LIMITS, ...limits }
    const store = new LevelMailboxStore({ records, clock, limits: limited })
    const joinSecret = this.#init.joinSecret ?? (await keptJoinSecret(store, random))
    const wire = libp2pWire(this.#components, clock)
    const service = new MailboxService({
      ...{ wire, store, account, clock, random, joinSecret },
      ...(directory === undefined ? {} : { directory }),
      ...(limits === undefined ? {} : { limits }),
    })
    return { account, records, service, joinSecret }
  }

  #running(): Run {
    if (this.#run === undefined) throw new Error('the mailbox is stopped')
    return this.#run
  }
}
