// A whole node in one call: profile, libp2p node, DHT, chat. For Node; the service alone (chat.ts) runs wherever libp2p does.

import { startNetwork } from '../net/platform/libp2p.ts'
import { directory } from '../net/platform/dht.ts'
import { HomeError } from '../net/platform/home-error.ts'
import { homeExists } from '../net/platform/home-identity.ts'
import { createHome, openHome, type Home } from '../net/platform/home.ts'
import { memoryHome } from '../net/platform/memory-home.ts'
import { systemClock } from '../net/platform/clock.ts'
import { holdAccount } from '../net/platform/lease.ts'
import { hostName, witnessesOf } from '../net/platform/surroundings.ts'
import { platformRandom } from '../net/platform/random.ts'
import { serveSnapshots, type SnapshotServer } from '../net/platform/backup/snapshot-socket.ts'
import { peerName } from '../net/peer-name.ts'
import { dialPolicy } from '../net/dial-policy.ts'
import { Records } from '../net/records.ts'
import { StoreError } from '../net/store-error.ts'
import { encodeContactLink } from '../protocol/link.ts'
import { utf8 } from '../protocol/bytes.ts'
import type { CreateNode, CreateProfile, NewKeys, Node, NodeOptions, ProfileChoice } from './api.ts'
import { chat, type Chat } from './chat.ts'
import { SELECTION } from './backup-records.ts'
import type { StoreSurroundings } from './continuity.ts'
import { SottoError } from './errors.ts'
import { homeProblem } from './home-problem.ts'
import { keys } from './keys.ts'
import { checkName } from './names.ts'
import { MAX_COPIES } from './outbox.ts'
import { storeProblem } from './plainly.ts'
import { profileFolder } from './profile-folder.ts'
import { newKeys } from './protect.ts'

const DEFAULT_LISTEN = ['/ip4/0.0.0.0/tcp/0', '/ip4/0.0.0.0/tcp/0/ws']

/**
 * Opens the profile, or makes it, and starts a node. Rejects with SottoError: STORE_LOCKED, BAD_PASSPHRASE, NEWER_FORMAT,
 * STORE_DAMAGED, DISK_FULL, INVALID_ARGUMENT for addresses and links; or with what `unlock` threw.
 */
export const createNode: CreateNode = async (options = {}) => {
  options.signal?.throwIfAborted()
  const home = await openProfile(options)
  try {
    return await startNode(home, options)
  } catch (cause) {
    await home.close()
    throw cause
  }
}

/** Makes identity and store of a profile without starting a node. Rejects with SottoError PROFILE_EXISTS and as `createNode`. */
export const createProfile: CreateProfile = async ({ dir, name, ...keysOf }) => {
  checkName(name)
  const home = await make(dir, keysOf)
  try {
    const { store, dataKey } = home
    const records = new Records({
      store,
      dataKey,
      clock: systemClock,
      random: platformRandom,
      chain: keys.commits,
    })
    await records.commit([{ type: 'put', key: keys.self, value: utf8(name) }])
    await records.close()
    const link = encodeContactLink({ account: home.account.key, mailboxes: [], addresses: [] })
    return { peer: peerName(home.account.key), name, link }
  } finally {
    await home.close()
  }
}

/** Whether there is a profile. */
export function profileExists(profile: string | { readonly dir: string }): Promise<boolean> {
  return homeExists(profileFolder(profile))
}

async function openProfile({ profile, unlock, keyFile }: NodeOptions): Promise<Home> {
  const dir = folderOf(profile)
  if (dir === undefined) return memoryHome()
  const home = (await homeExists(dir))
    ? await openHome(dir, { unlock, keyFile }).catch(homeProblem)
    : await make(dir, { unlock, keyFile })
  return onlyHere(home, dir).catch(homeProblem)
}

async function make(dir: string, keysOf: NewKeys): Promise<Home> {
  return await createHome(dir, await newKeys(keysOf)).catch(homeProblem)
}

/** Keeps a copied or restored folder from running beside the one that it comes from, on this computer. */
async function onlyHere(home: Home, dir: string): Promise<Home> {
  try {
    const lease = await holdAccount(home.account.key, dir)
    const close = async (): Promise<void> => {
      await home.close()
      await lease.release()
    }
    return { ...home, close }
  } catch (cause) {
    await home.close()
    throw cause
  }
}

function folderOf(profile: ProfileChoice = { memory: true }): string | undefined {
  return typeof profile === 'string' || 'dir' in profile ? profileFolder(profile) : undefined
}

async function startNode(home: Home, options: NodeOptions): Promise<Node> {
  const { name, clock = systemClock, random = platformRandom, network = {}, copies } = options
  if (name !== undefined) checkName(name)
  checkCopies(copies)
  const { account, dataKey, store, datastore, reopen } = home
  const { replication } = network
  const dht = directory({ clock, ...(replication === undefined ? {} : { replication }) })
  const places = {
    listen: network.listen ?? DEFAULT_LISTEN,
    announce: network.announce ?? [],
    bootstrap: network.bootstrap ?? [],
    lan: network.lan ?? false,
  }
  const policy = dialPolicy(places)
  const surroundings = await surroundingsOf(home)
  const started: { chat?: Chat; snapshots?: SnapshotServer | undefined } = {}
  const libp2p = await startNetwork({
    account,
    datastore,
    ...places,
    dialPolicy: policy,
    isKnown: (peer) => started.chat?.knows(peer) ?? false,
    dht: dht.service,
    services: {
      chat: chat({
        store,
        dataKey,
        protection: home.protection,
        epochs: home.epochs,
        reopen,
        surroundings,
        directory: dht.directory,
        dialPolicy: policy,
        clock,
        random,
        close: async () => {
          try {
            await started.snapshots?.close()
            await libp2p.stop()
          } finally {
            await home.close()
          }
        },
        ...(name === undefined ? {} : { name }),
        ...(copies === undefined ? {} : { copies }),
      }),
    },
  }).catch(networkProblem)
  started.chat = libp2p.services.chat
  const { node } = started.chat
  try {
    options.signal?.throwIfAborted()
    started.snapshots = await snapshotsOf(home)
    await home.settled().catch(() => undefined) // a full disk: it is found again
    for (const link of options.mailbox ?? []) await node.mailbox.use(link)
  } catch (cause) {
    await node.stop()
    throw cause
  }
  stopOnAbort(node, options.signal)
  return node
}

/** For backups. A folder that can hold no socket is backed up while no node runs from it. */
async function snapshotsOf({ dir, store }: Home): Promise<SnapshotServer | undefined> {
  if (dir === undefined) return undefined
  return await serveSnapshots(dir, store, SELECTION).catch(() => undefined)
}

async function surroundingsOf({ dir, isCut, account }: Home): Promise<StoreSurroundings> {
  if (dir === undefined) return {}
  return { isCut, witnesses: witnessesOf(dir, account.key), host: await hostName(account.key) }
}

function checkCopies(copies: number | undefined): void {
  if (copies === undefined) return
  if (Number.isInteger(copies) && copies >= 1 && copies <= MAX_COPIES) return
  throw new SottoError('INVALID_ARGUMENT', `copies must be 1 to ${MAX_COPIES}`)
}

function stopOnAbort(node: Node, signal: AbortSignal | undefined): void {
  const stop = (): void => {
    node.stop().catch(() => undefined) // whoever wants to know calls stop() and gets the same result
  }
  if (signal?.aborted === true) stop()
  else signal?.addEventListener('abort', stop, { once: true })
}

function networkProblem(cause: unknown): never {
  if (cause instanceof SottoError || cause instanceof HomeError) throw cause
  if (cause instanceof StoreError) throw storeProblem(cause)
  const text = cause instanceof Error ? cause.message : String(cause)
  throw new SottoError('INVALID_ARGUMENT', `the network could not be started: ${text}`, {
    cause,
    hint: 'check the listen and bootstrap addresses, and that no other program uses the port',
  })
}
