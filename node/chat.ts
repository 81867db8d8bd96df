// The chat node as a service of a libp2p node. createNode (create-node.ts) is the same with the libp2p node around it.

import type { PrivateKey, Startable } from '@libp2p/interface'
import type { Multiaddr } from '@multiformats/multiaddr'
import { importSecret, ready } from '../protocol/crypto.ts'
import { Secret } from '../protocol/secret.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import { systemClock } from '../net/platform/clock.ts'
import { accountOfKey } from '../net/platform/identity-codec.ts'
import { platformRandom, pooled } from '../net/platform/random.ts'
import { throwAwayWires } from '../net/platform/throw-away.ts'
import type { DialPolicy } from '../net/dial-policy.ts'
import type { Clock, Directory, PeerName, Store, ThrowAwayWires } from '../net/ports.ts'
import { EpochKeys, type EpochFile } from '../net/epoch-keys.ts'
import { Records } from '../net/records.ts'
import { libp2pWire, type WireComponents } from '../net/wire.ts'
import type { KeyProtection, Node } from './api.ts'
import { ChatNode } from './chat-node.ts'
import type { StoreSurroundings } from './continuity.ts'
import { ChatCore } from './core.ts'
import { DYING, keys } from './keys.ts'
import { SottoError } from './errors.ts'

export interface ChatInit {
  /** Open, with `valueEncoding: 'view'`, and for the chat alone. Its owner closes it after the node has stopped. */
  readonly store: Store
  /** 32 secret bytes that seal what is stored. With another key nothing of it can be read. */
  readonly dataKey: Uint8Array | Secret<'DataKey'>
  /** What protects the data key, for `status`. @default nobody knows */
  readonly protection?: KeyProtection
  /**
   * A small file for the keys of records that must die: sessions, private keys, what is on its way. Without one, what LevelDB keeps of
   * deleted records opens with the data key.
   */
  readonly epochs?: EpochFile
  /** Closes and opens the store after a failed write. */
  readonly reopen?: () => Promise<void>
  /** What tells whether the store is the one that the last run has left. @default the store alone */
  readonly surroundings?: StoreSurroundings
  /** The DHT: `directory` of the other half whose `service` runs in the same libp2p node. */
  readonly directory: Directory
  /**
   * What the mailboxes of others are visited with, so that they do not see our PeerId.
   *
   * @default nodes of their own over TCP and WebSockets
   */
  readonly throwAway?: ThrowAwayWires
  /** With how many mailboxes of a contact a message is left, 1 to 4. @default 2 */
  readonly copies?: number
  /**
   * Asked before mailboxes of others are dialled, and told which addresses the user has given. The gater of the libp2p node should
   * ask it as well (`connectionGater`).
   *
   * @default everything is dialled
   */
  readonly dialPolicy?: DialPolicy
  /** Shown to contacts; kept in the store. */
  readonly name?: string
  /** What `node.stop()` ends after the chat itself, for instance the libp2p node. */
  readonly close?: () => Promise<void>
  readonly clock?: Clock
  /** Must be as good as the platform's generator. */
  readonly random?: RandomBytes
}

/** What the service needs of the libp2p node. Its key must be Ed25519: it is the account. */
export interface ChatComponents extends WireComponents {
  readonly privateKey: PrivateKey
  readonly addressManager: { getAddresses(): Multiaddr[] }
}

export interface Chat {
  readonly peer: PeerName
  /** Whether this is an accepted contact or a mailbox of ours: among the connections of others, room is kept for them. */
  knows(peer: PeerName): boolean
  /** SottoError NODE_STOPPED while the libp2p node is not started. */
  readonly node: Node
}

/** Register with `createLibp2p({ services: { chat: chat({ store, dataKey, directory }) } })`. */
export function chat(init: ChatInit): (components: ChatComponents) => Chat {
  return (components) => new HostedChat(init, components)
}

/** One start of the service. */
interface Run {
  readonly records: Records
  readonly core: ChatCore
  readonly node: ChatNode
}

class HostedChat implements Chat, Startable {
  readonly [Symbol.toStringTag] = 'sotto/chat'
  readonly peer: PeerName
  readonly #init: ChatInit
  readonly #components: ChatComponents
  #run: Run | undefined

  constructor(init: ChatInit, components: ChatComponents) {
    this.#init = init
    this.#components = components
    this.peer = components.peerId.toString() as PeerName
  }

  get node(): Node {
    if (this.#run === undefined) throw new SottoError('NODE_STOPPED', 'the node is not started')
    return this.#run.node
  }

  knows(peer: PeerName): boolean {
    return this.#run?.core.knows(peer) ?? false
  }

  async start(): Promise<void> {
    await ready
  }

  /** After the transports: the core dials as soon as it runs. */
  async afterStart(): Promise<void> {
    if (this.#run !== undefined) return
    const run = this.#prepare()
    try {
      await run.core.start()
      const { name } = this.#init
      if (name !== undefined && name !== run.core.name) await run.core.rename(name)
    } catch (cause) {
      await end(run)
      throw cause
    }
    this.#run = run
  }

  async stop(): Promise<void> {
    const run = this.#run
    if (run === undefined) return
    this.#run = undefined
    await end(run)
  }

  #prepare(): Run {
    const { store, directory, reopen, surroundings } = this.#init
    const { clock = systemClock, random = platformRandom } = this.#init
    const { privateKey, addressManager, connectionManager } = this.#components
    const { dataKey: key, copies } = this.#init
    const dataKey = key instanceof Secret ? key : importSecret('DataKey', key.slice())
    const { dialPolicy } = this.#init
    const policy = dialPolicy === undefined ? {} : { dialPolicy }
    const salts = pooled(random)
    const { epochs: file } = this.#init
    const dying = file && { keys: new EpochKeys({ file, dataKey, clock, random }), prefixes: DYING }
    const sealed = { store, dataKey, dying, clock, random: salts, chain: keys.commits }
    const records = new Records(reopen === undefined ? sealed : { ...sealed, reopen })
    const core = new ChatCore({
      account: accountOfKey(privateKey),
      records,
      wire: libp2pWire(this.#components, clock),
      throwAway: this.#init.throwAway ?? throwAwayWires({ clock, random, ...policy }),
      directory,
      clock,
      random,
      salts,
      ...surroundings,
      ...policy,
      ...(copies === undefined ? {} : { copies }),
    })
    const node = new ChatNode({
      core,
      protection: this.#init.protection ?? null,
      addresses: () => addressManager.getAddresses().map(String),
      connections: () => connectionManager.getConnections().length,
      close: async () => {
        await records.close()
        await this.#init.close?.()
      },
    })
    return { records, core, node }
  }
}

/** Nothing of it runs any more, or touches the store. */
async function end({ core, records }: Run): Promise<void> {
  await core.stop()
  await records.close()
}
