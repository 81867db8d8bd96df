// A mailbox as a program: a folder on disk, a libp2p node that is a DHT server and a bootstrap peer too, and the mailbox in it.

import { systemClock } from '../net/platform/clock.ts'
import { directory } from '../net/platform/dht.ts'
import { serveSnapshots } from '../net/platform/backup/snapshot-socket.ts'
import { openHome } from '../net/platform/home.ts'
import { startNetwork } from '../net/platform/libp2p.ts'
import { memoryHome } from '../net/platform/memory-home.ts'
import { platformRandom } from '../net/platform/random.ts'
import { witnessFile } from '../net/platform/witness-file.ts'
import { MAILBOX_BACKUP } from './backup/backup.ts'
import { mailbox } from './host.ts'
import { DEFAULT_LIMITS } from './limits.ts'
import { Monitor } from './monitor/monitor.ts'
import { DEFAULT_LISTEN } from './listen.ts'
import { beTheOnlyOne } from './only-one.ts'
import type { CreateHomeOptions } from '../net/platform/home-identity.ts'
import type { Home, OpenHomeOptions } from '../net/platform/home.ts'
import type { Clock, PeerName } from '../net/ports.ts'
import type { RandomBytes } from '../protocol/bytes.ts'
import type { Connection, Libp2p } from '@libp2p/interface'
import type { Mailbox } from './host.ts'
import type { SnapshotServer } from '../net/platform/backup/snapshot-socket.ts'
import type { MailboxLimits } from './limits.ts'
import type { Endpoint } from './monitor/http.ts'
import type { MonitorOptions, Watched } from './monitor/monitor.ts'
import type { ConnectionCount } from './monitor/snapshot.ts'
import type { Operator } from './operator.ts'
import type { Joining } from './rules.ts'
import type { MailboxServiceStatus } from './service.ts'

export interface HostMailboxOptions {
  /** A folder, which is made when it is not there, or the memory, which forgets. */
  readonly profile: { readonly dir: string } | { readonly memory: true }
  /** Asked for the passphrase when the folder is sealed. */
  readonly unlock?: OpenHomeOptions['unlock']
  /** File with the key of the folder, for one that was made with it. */
  readonly keyFile?: OpenHomeOptions['keyFile']
  /** Seals a new folder. */
  readonly passphrase?: CreateHomeOptions['passphrase']
  /** Multiaddrs. Fixed ports, since the link names one. @default TCP on 4601, WebSockets on 4602 */
  readonly listen?: readonly string[]
  /** What to tell others instead of the listen addresses, for instance a public name. */
  readonly announce?: readonly string[]
  /** Multiaddrs of other peers of the DHT. */
  readonly bootstrap?: readonly string[]
  /** Whether to announce the mailbox on the local network. @default false */
  readonly lan?: boolean
  /** On how many peers a bundle is put. Smaller only in test networks. @default 20 */
  readonly replication?: number
  readonly limits?: Partial<MailboxLimits>
  /** @default by invitation */
  readonly joining?: Partial<Joining>
  /** Whether an invitation is made at the first start, for the link. @default true */
  readonly invite?: boolean
  /** @default neither health and metrics over HTTP nor a log */
  readonly monitor?: MonitorOptions
  /** Aborting stops the mailbox. */
  readonly signal?: AbortSignal
  readonly clock?: Clock
  readonly random?: RandomBytes
}

export interface MailboxHost extends AsyncDisposable {
  readonly peer: PeerName
  /** Invitations, members and rules. */
  readonly operator: Operator
  /**
   * `SOTTO:M/1/…` with the secret of the first invitation, unless that was revoked before the start: whoever has it can join. One
   * address stands in it, the best that there is when it is read.
   */
  readonly link: string
  /** Multiaddrs with /p2p/. */
  readonly addresses: readonly string[]
  /** Where health and metrics are served. */
  readonly monitor: Endpoint | undefined
  status(): Promise<MailboxServiceStatus>
  /** Finishes what has begun and closes the folder. Again: waits for the same. */
  stop(): Promise<void>
}

/** Of peers who ask for nothing but the DHT. */
const DHT_CONNECTIONS = 300

/** Of those, what the mailbox needs to reach others. */
const DIALLED = 50

/** From one host: owners and senders of an office share an address. */
const HOST_INBOUND = { host: 64, hostBurst: 128, hostPerSecond: 16 }

/** Owners come back together when their mailbox was away. */
const PENDING_CONNECTIONS = 64

/**
 * Opens the folder and serves. Rejects with `HomeError` (ERR_LOCKED, ERR_ELSEWHERE, ERR_BAD_PASSPHRASE, ...), with libp2p's error when an
 * address cannot be listened on, with what `unlock` threw, or with the reason of the signal; nothing is left running then.
 */
export async function hostMailbox(options: HostMailboxOptions): Promise<MailboxHost> {
  const { signal } = options
  signal?.throwIfAborted()
  const home = await alone(await openProfile(options), options)
  const host = await serve(home, options).catch(async (cause: unknown) => {
    await home.close()
    throw cause
  })
  // Whether stopping failed is told to whoever calls `stop`.
  const onAbort = (): void => void host.stop().catch(() => undefined)
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted !== true) return host
  await host.stop()
  throw signal.reason
}

/** Only one copy of a mailbox may run, as far as that can be known. Closes the folder when there is another. */
async function alone(home: Home, options: HostMailboxOptions): Promise<Home> {
  try {
    const lease = await beTheOnlyOne(home, options)
    return {
      ...home,
      close: async () => {
        await lease.release()
        await home.close()
      },
    }
  } catch (cause) {
    await home.close()
    throw cause
  }
}

/** For a store that is written to all the time: with less there are more tables to sort, and syncs wait for those. */
const WRITE_BUFFER_BYTES = 16 * 1024 * 1024

function openProfile({ profile, unlock, keyFile, passphrase }: HostMailboxOptions): Promise<Home> {
  if (!('dir' in profile)) return memoryHome()
  return openHome(profile.dir, {
    unlock,
    keyFile,
    create: { passphrase },
    writeBufferBytes: WRITE_BUFFER_BYTES,
  })
}

async function serve(home: Home, options: HostMailboxOptions): Promise<MailboxHost> {
  const { clock = systemClock, random = platformRandom, limits, joining } = options
  const { replication, announce, invite = true } = options
  const dht = directory({ clock, ...(replication === undefined ? {} : { replication }) })
  const { account, store, dataKey, reopen, datastore } = home
  const dir = 'dir' in options.profile ? options.profile.dir : undefined
  const monitor =
    options.monitor === undefined
      ? undefined
      : new Monitor({ ...options.monitor, clock, random, dir })
  const service = mailbox({
    ...{ store, dataKey, reopen, clock, random },
    directory: dht.directory,
    ...(dir === undefined ? {} : { witness: witnessFile(dir), isCut: home.isCut }),
    ...(monitor === undefined ? {} : { observer: monitor }),
    ...(limits === undefined ? {} : { limits }),
    ...(joining === undefined ? {} : { joining }),
    ...(invite ? {} : { joinSecret: false }),
  })
  const started: { mailbox?: Mailbox } = {}
  const { channels, memberChannels: reserved } = { ...DEFAULT_LIMITS, ...limits }
  const node = await startNetwork({
    ...{ account, datastore, clock, random },
    listen: options.listen ?? DEFAULT_LISTEN,
    bootstrap: options.bootstrap ?? [],
    lan: options.lan ?? false,
    // Above it libp2p ends connections that are in use; streams have limits of their own.
    maxConnections: channels + DHT_CONNECTIONS,
    inbound: { ...HOST_INBOUND, total: channels + DHT_CONNECTIONS - DIALLED, reserved },
    isKnown: async (peer) => (await started.mailbox?.knows(peer)) ?? false,
    maxPendingConnections: PENDING_CONNECTIONS,
    dht: dht.service,
    services: { mailbox: service },
    ...(announce === undefined ? {} : { announce }),
    ...(monitor && {
      onDialFailure: (transport, reason) => monitor.dialFailed(transport, reason),
      metrics: monitor.libp2pMetrics,
    }),
  })
  const { mailbox: running } = node.services
  started.mailbox = running
  let stopping: Promise<void> | undefined
  const snapshots = await snapshotsOf(home)
  const stop = async (): Promise<void> => {
    try {
      await snapshots?.close()
      await monitor?.ending()
      await node.stop()
    } finally {
      await monitor?.stop()
      await home.close()
    }
  }
  try {
    await running.rememberAddress()
    await home.settled().catch(() => undefined) // a full disk: it is found again
    await monitor?.start(watched(node, running, monitor))
  } catch (cause) {
    await snapshots?.close()
    await monitor?.stop()
    await node.stop()
    throw cause
  }
  return {
    peer: running.peer,
    operator: running.operator,
    get link() {
      return running.link()
    },
    get addresses() {
      return node.getMultiaddrs().map(String)
    },
    get monitor() {
      return monitor?.endpoint
    },
    status: () => running.status(),
    stop: () => (stopping ??= stop()),
    [Symbol.asyncDispose]: () => (stopping ??= stop()),
  }
}

/** For backups. A folder that can hold no socket is backed up while nobody serves from it. */
async function snapshotsOf({ dir, store }: Home): Promise<SnapshotServer | undefined> {
  return dir === undefined
    ? undefined
    : await serveSnapshots(dir, store, MAILBOX_BACKUP).catch(() => undefined)
}

function watched(node: Libp2p, running: Mailbox, monitor: Monitor): Watched {
  node.addEventListener('connection:open', ({ detail }) => monitor.connected(transportOf(detail)))
  return {
    status: () => running.status(),
    oldestMs: () => running.oldestMs(),
    diskBudget: () => running.operator.limits.budgetBytes,
    connections: () => countConnections(node.getConnections()),
    listening: () => node.getMultiaddrs().length,
  }
}

function countConnections(connections: readonly Connection[]): readonly ConnectionCount[] {
  const counts = new Map<string, ConnectionCount>()
  for (const connection of connections) {
    const [transport, { direction }] = [transportOf(connection), connection]
    const key = `${transport} ${direction}`
    const count = 1 + (counts.get(key)?.count ?? 0)
    counts.set(key, { transport, direction, count })
  }
  return [...counts.values()]
}

function transportOf({ remoteAddr }: Connection): string {
  const names = remoteAddr.getComponents().map(({ name }) => name)
  if (names.includes('ws') || names.includes('wss')) return 'ws'
  return names.includes('tcp') ? 'tcp' : 'other'
}
