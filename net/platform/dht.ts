/** The DHT of sotto: kad-dht under our own prefix and policy, and the `Directory` that the core sees. */
import { MessageType, Record, kadDHT, passthroughMapper } from '@libp2p/kad-dht'
import { equalBytes } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { RecordPolicy } from '../dht-policy.ts'
import { sourceOf } from '../dht-shelf.ts'
import { DHT_NAMESPACE, KAD_PROTOCOL, LAN_KAD_PROTOCOL } from '../names.ts'
import { Throttle } from '../throttle.ts'
import { DhtDatastore } from './dht-datastore.ts'
import type { PeerId } from '@libp2p/interface'
import type { KadDHT, KadDHTComponents, KadDHTInit, SingleKadDHT } from '@libp2p/kad-dht'
import type { ShelfLimits } from '../dht-shelf.ts'
import type { Clock, Directory, DirectoryAnswer, PeerName } from '../ports.ts'

export interface DirectoryOptions {
  /**
   * On how many of the closest peers a record is stored.
   *
   * @default 20
   */
  readonly replication?: number
  /**
   * A DHT of the local network only, apart from the wide one.
   *
   * @default false
   */
  readonly lan?: boolean
  readonly clock: Clock
  readonly limits?: ShelfLimits
  /**
   * Records taken from one source: at once, and for each second after.
   *
   * @default 4096 and 64
   */
  readonly puts?: { readonly burst: number; readonly perSecond: number }
}

/** High enough for a test network on one address. */
const PUTS = { burst: 4096, perSecond: 64 }

export interface DirectoryService {
  /** For `startNetwork`, or `services` of any libp2p node that has identify and ping. One node only. */
  readonly service: (components: KadDHTComponents) => KadDHT
  /** Of use once the node has started. */
  readonly directory: Directory
}

/** How often an empty routing table is looked at. */
const TABLE_POLL_MS = 100

/** A reader who has just started waits so long for a first peer. */
const TABLE_WAIT_MS = 3000

/** Both halves of the DHT of one node. */
export function directory(options: DirectoryOptions): DirectoryService {
  const dht = new DhtDirectory(options)
  return { service: (components) => dht.create(components), directory: dht }
}

interface Parts {
  readonly dht: SingleKadDHT
  readonly datastore: DhtDatastore
  readonly self: PeerName
}

class DhtDirectory implements Directory {
  readonly #options: DirectoryOptions
  readonly #policy: RecordPolicy
  #parts: Parts | undefined

  constructor(options: DirectoryOptions) {
    this.#options = options
    this.#policy = new RecordPolicy(options.clock)
  }

  create(components: KadDHTComponents): KadDHT {
    const { clock, limits, lan = false, puts = PUTS } = this.#options
    const datastore = new DhtDatastore({
      inner: components.datastore,
      prefix: lan ? '/dht-lan' : '/dht',
      self: components.peerId.toMultihash().bytes,
      policy: this.#policy,
      clock,
      limits,
    })
    const dht = kadDHT(this.#init(lan))({ ...componentsOf(components), datastore })
    if (!hasTable(dht)) throw new Error('kad-dht has no routing table')
    guardPuts({ dht, datastore }, components, new Throttle({ clock, ...puts }))
    refuseProviders(dht)
    this.#parts = { dht, datastore, self: components.peerId.toString() as PeerName }
    return dht
  }

  /**
   * Stores a record at the closest peers and says which have confirmed it. Rejects with `RecordError` or `DecodeError` when our
   * own policy refuses it, and with the reason of `signal` when it ran out before anybody had it.
   */
  async put(
    key: Uint8Array,
    value: Uint8Array,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<readonly PeerName[]> {
    const { dht } = this.#started()
    // The library would not tell: it stores our own copy without asking the validator.
    this.#policy.validate(key, value)
    await this.#untilTable(dht, signal)
    const holders = new Set<PeerName>()
    try {
      for await (const event of dht.put(key, value, { signal })) {
        if (event.name !== 'PEER_RESPONSE' || event.messageName !== 'PUT_VALUE') continue
        const stored = event.record !== undefined && equalBytes(event.record.value, value)
        if (stored) holders.add(event.from.toString() as PeerName)
      }
    } catch (cause) {
      if (holders.size === 0) throw signal.aborted ? signal.reason : cause
      // Some have it: time ran out, or one of the others misbehaved.
    }
    return [...holders]
  }

  /**
   * Answers of peers as they come; our own copy only when no peer had an answer. Waits up to three seconds for a first peer.
   * Ends without an error, whatever single peers do and when `signal` is aborted.
   */
  async *get(
    key: Uint8Array,
    { signal }: { readonly signal: AbortSignal },
  ): AsyncGenerator<DirectoryAnswer, void, undefined> {
    const { dht, datastore, self } = this.#started()
    let answered = false
    try {
      await this.#untilTable(dht, AbortSignal.any([signal, AbortSignal.timeout(TABLE_WAIT_MS)]))
    } catch {
      // Still alone: nobody can be asked.
    }
    try {
      for await (const event of dht.get(key, { signal })) {
        if (event.name !== 'PEER_RESPONSE' || event.record === undefined) continue
        answered = true
        yield { value: event.record.value, from: event.from.toString() as PeerName }
      }
    } catch {
      // The library gives up on the whole query for one peer's fault, and when it is aborted. What came is with the reader.
    }
    if (answered || signal.aborted) return
    const value = await datastore.local(key)
    if (value !== undefined) yield { value, from: self }
  }

  #init(lan: boolean): KadDHTInit {
    return {
      protocol: lan ? LAN_KAD_PROTOCOL : KAD_PROTOCOL,
      datastorePrefix: lan ? '/dht-lan' : '/dht',
      logPrefix: lan ? 'libp2p:dht-lan' : 'libp2p:dht',
      metricsPrefix: lan ? 'libp2p_dht_lan' : 'libp2p_dht',
      kBucketSize: this.#options.replication ?? 20,
      clientMode: false,
      // Private and loopback addresses count: networks at home and on one machine must work.
      peerInfoMapper: passthroughMapper,
      allowQueryWithZeroPeers: true,
      validators: {
        [DHT_NAMESPACE]: (key, value) => void this.#policy.validate(key, value),
        pk: () => refuse(),
      },
      selectors: {
        [DHT_NAMESPACE]: (key, values) => this.#policy.select(key, values),
        pk: () => refuse(),
      },
    }
  }

  async #untilTable(dht: SingleKadDHT, signal: AbortSignal): Promise<void> {
    while (dht.routingTable.size === 0) {
      await rest(this.#options.clock, TABLE_POLL_MS, signal)
    }
    signal.throwIfAborted()
  }

  #started(): Parts {
    if (this.#parts === undefined) throw new Error('the DHT belongs to no node yet')
    return this.#parts
  }
}

/** Only what the DHT asks for: libp2p's components are a proxy that cannot be spread. */
function componentsOf(components: KadDHTComponents): Omit<KadDHTComponents, 'datastore'> {
  const { peerId, privateKey, registrar, addressManager, peerStore } = components
  const { metrics, connectionManager, events, logger, ping } = components
  const needed = { peerId, privateKey, registrar, addressManager, peerStore }
  const rest = { connectionManager, events, logger, ping }
  return { ...needed, ...rest, ...(metrics === undefined ? {} : { metrics }) }
}

function hasTable(dht: KadDHT): dht is SingleKadDHT {
  return 'routingTable' in dht
}

interface PutMessage {
  readonly record?: Uint8Array
}

interface Handler {
  handle(peer: PeerId, message: PutMessage): Promise<unknown>
}

/**
 * The datastore does not learn from whom a record comes: the handler that knows tells it beforehand, by the key of the record
 * itself, as the one in the message may be another. Records cost signature checks, so a source gets only so many of them.
 */
function guardPuts(parts: Omit<Parts, 'self'>, components: KadDHTComponents, puts: Throttle): void {
  const handler = handlerOf(parts.dht, MessageType.PUT_VALUE)
  const handle = handler.handle.bind(handler)
  handler.handle = async (peer, message) => {
    const [connection] = components.connectionManager.getConnections(peer)
    const source = connection === undefined ? '?' : sourceOf(connection.remoteAddr.toString())
    if (message.record === undefined || !puts.take(source)) refuse()
    const { key } = Record.deserialize(message.record)
    return await parts.datastore.bringing(key, source, () => handle(peer, message))
  }
}

/** Nobody provides anything in this DHT. What providers tell would only fill the address book. */
function refuseProviders(dht: KadDHT): void {
  for (const type of [MessageType.ADD_PROVIDER, MessageType.GET_PROVIDERS]) {
    handlerOf(dht, type).handle = () => Promise.reject(new DecodeError('ERR_MALFORMED'))
  }
}

/** Not part of the library's types; if it moves, starting fails and a test says so. */
function handlerOf(dht: KadDHT & { readonly rpc?: unknown }, type: MessageType): Handler {
  const handler = property(property(dht.rpc, 'handlers'), type.toString())
  if (!isHandler(handler)) throw new Error(`kad-dht has no handler for ${type}`)
  return handler
}

function property(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? Reflect.get(of, name) : undefined
}

function isHandler(handler: unknown): handler is Handler {
  return typeof property(handler, 'handle') === 'function'
}

function refuse(): never {
  throw new DecodeError('ERR_MALFORMED')
}

function rest(clock: Clock, ms: number, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const onAbort = (): void => {
    timer.cancel()
    reject(signal.reason)
  }
  const timer = clock.after(ms, () => {
    signal.removeEventListener('abort', onAbort)
    resolve()
  })
  signal.addEventListener('abort', onAbort, { once: true })
  return promise
}
