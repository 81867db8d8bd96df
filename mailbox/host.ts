// The mailbox as a service of a libp2p node.

import { encodeMailboxLink } from '../protocol/link.ts'
import { importSecret, ready } from '../protocol/crypto.ts'
import { Secret } from '../protocol/secret.ts'
import { Records } from '../net/records.ts'
import { libp2pWire } from '../net/wire.ts'
import { accountOfKey } from '../net/platform/identity-codec.ts'
import { systemClock } from '../net/platform/clock.ts'
import { platformRandom, pooled } from '../net/platform/random.ts'
import { linkAddresses, rememberAddress } from './link-address.ts'
import { Operator } from './operator.ts'
import { isInvitation, keptJoinSecret } from './first-invitation.ts'
import { timedStore } from './monitor/timed-store.ts'
import { keys } from './level/keys.ts'
import { LevelMailboxStore } from './level/level-store.ts'
import { Rules } from './rules.ts'
import { MailboxService } from './service.ts'
import { Witness } from '../net/witness.ts'
import type { PrivateKey, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import type { Account } from '../protocol/account.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Clock, Directory, PeerName, Store } from '../net/ports.ts'
import type { RecordsInit } from '../net/records.ts'
import type { WireComponents } from '../net/wire.ts'
import type { MailboxLimits } from './limits.ts'
import type { Joining } from './rules.ts'
import type { MailboxObserver } from './observer.ts'
import type { MailboxServiceStatus } from './service.ts'
import type { WitnessFile } from '../net/witness.ts'
import type { MailboxStore } from './store.ts'

export interface MailboxInit {
  /** Open, with `valueEncoding: 'view'`, and for the mailbox alone. Stays with its owner, who closes it after the node has stopped. */
  readonly store: Store
  /** 32 bytes that seal what is stored. With another key nothing of it can be read. A `Secret` stays with its owner. */
  readonly dataKey: Uint8Array | Secret<'DataKey'>
  /** Closes and opens the store after a failed write. */
  readonly reopen?: () => Promise<void>
  /** Puts the bundles of owners who are away back into a DHT. */
  readonly directory?: Directory
  /** Of the first invitation, at most 32 bytes; false: none is made. @default made at the first start, and kept */
  readonly joinSecret?: Uint8Array | false
  readonly limits?: Partial<MailboxLimits>
  /** @default by invitation */
  readonly joining?: Partial<Joining>
  /** Outside of the store: shows whether that has lost what it once had, which then counts as damaged. */
  readonly witness?: WitnessFile
  /** Whether the store could not read all of its log when it was opened. */
  readonly isCut?: boolean
  /** Told what happens. */
  readonly observer?: MailboxObserver
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
  /** Whether this is a member: among the connections of others, room is kept for them. Never rejects. */
  knows(peer: PeerName): Promise<boolean>
  /**
   * `SOTTO:M/1/…` with one address and the secret of the first invitation, unless that was revoked before the start: whoever has it can
   * join. Throws while the service is stopped.
   */
  link(): string
  /** Rejects while the service is stopped. */
  status(): Promise<MailboxServiceStatus>
  /** How long the oldest mail has been waiting, in ms; 0 when there is none. It looks into every box. Rejects while the service is stopped. */
  oldestMs(): Promise<number>
  /** Throws while the service is stopped. */
  readonly operator: Operator
  /** Keeps the address of the link, for invitations that are made while the service is stopped. Rejects while it is. */
  rememberAddress(): Promise<void>
}

/** Register with `createLibp2p({ services: { mailbox: mailbox({ store, dataKey }) } })`. */
export function mailbox(init: MailboxInit): (components: MailboxComponents) => Mailbox {
  return (components) => new HostedMailbox(init, components)
}

/** One start of the service. */
interface Run {
  readonly account: Account
  readonly records: Records
  readonly witness: Witness | undefined
  readonly store: MailboxStore
  readonly service: MailboxService
  readonly operator: Operator
  readonly joinSecret: Uint8Array | undefined
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
    const run = await this.#prepare()
    this.#run = run
    await run.witness?.start()
    await run.service.start()
    const { store, joinSecret } = run
    if (joinSecret === undefined || (await isInvitation(store, joinSecret))) return
    this.#run = { ...run, joinSecret: undefined }
  }

  /** While connections still stand: what is under way is finished, and answered. */
  async beforeStop(): Promise<void> {
    await this.stop()
  }

  async stop(): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    await run.service.stop()
    await run.witness?.stop()
    await run.records.close()
  }

  get operator(): Operator {
    return this.#running().operator
  }

  async knows(peer: PeerName): Promise<boolean> {
    return (await this.#run?.service.isMember(peer).catch(() => false)) ?? false
  }

  link(): string {
    const { account, joinSecret } = this.#running()
    const base = { account: account.key, addresses: this.#linkAddresses() }
    return encodeMailboxLink(joinSecret === undefined ? base : { ...base, joinSecret })
  }

  async rememberAddress(): Promise<void> {
    const [address] = this.#linkAddresses()
    if (address !== undefined) await rememberAddress(this.#running().store, address)
  }

  #linkAddresses(): readonly Uint8Array[] {
    return linkAddresses(this.#components.addressManager.getAddresses())
  }

  async status(): Promise<MailboxServiceStatus> {
    const { service, witness } = this.#running()
    const status = await service.status()
    return { ...status, damaged: status.damaged + (witness?.losses ?? 0) }
  }

  async oldestMs(): Promise<number> {
    return await this.#running().service.oldestMs()
  }

  async #prepare(): Promise<Run> {
    const { store: database, dataKey: key, reopen, directory, limits, joining } = this.#init
    const { clock = systemClock, random = platformRandom } = this.#init
    const account = accountOfKey(this.#components.privateKey)
    const dataKey = key instanceof Secret ? key : importSecret('DataKey', key.slice())
    const sealed = {
      ...{ store: database, dataKey, clock, random: pooled(random) },
      chain: keys.commits,
    }
    const { observer } = this.#init
    const watch = observer === undefined ? {} : { watch: syncWatch(observer) }
    const records = new Records({
      ...sealed,
      ...watch,
      ...(reopen === undefined ? {} : { reopen }),
    })
    const rules = new Rules({ limits, joining })
    const level = new LevelMailboxStore({ records, clock, limits: rules.limits })
    const store = observer === undefined ? level : timedStore(level, observer)
    const joinSecret = await this.#joinSecret(store)
    const wire = libp2pWire(this.#components, clock)
    const service = new MailboxService({
      ...{ wire, store, account, clock, random, rules },
      ...(observer === undefined ? {} : { observer }),
      ...(joinSecret === undefined ? {} : { joinSecret }),
      ...(directory === undefined ? {} : { directory }),
    })
    const operator = new Operator({
      ...{ store, rules, random },
      retirement: service.retirement,
      now: () => service.now(),
      link: async (secret) => {
        const addresses = this.#linkAddresses()
        return encodeMailboxLink({ account: account.key, addresses, joinSecret: secret })
      },
    })
    const { witness: file, isCut = false } = this.#init
    const witness =
      file === undefined ? undefined : new Witness({ files: [file], records, isCut, clock })
    return { account, records, witness, store, service, operator, joinSecret }
  }

  async #joinSecret(store: MailboxStore): Promise<Uint8Array | undefined> {
    const { joinSecret, random = platformRandom } = this.#init
    if (joinSecret === false) return undefined
    return joinSecret ?? (await keptJoinSecret(store, random))
  }

  #running(): Run {
    if (this.#run === undefined) throw new Error('the mailbox is stopped')
    return this.#run
  }
}

function syncWatch(observer: MailboxObserver): NonNullable<RecordsInit['watch']> {
  return {
    now: () => observer.now(),
    synced: (ms) => observer.observe({ kind: 'sync', ms }),
  }
}
