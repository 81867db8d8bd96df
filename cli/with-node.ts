// How a command gets at a node: the one that is up for its folder, else one of its own for the moment.

import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Caller } from '../daemon/caller.ts'
import { connectDaemon } from '../daemon/client.ts'
import type { DaemonClient } from '../daemon/client.ts'
import { EmbeddedCaller } from '../daemon/embedded.ts'
import { API_VERSION } from '../daemon/method-types.ts'
import { findSocket } from '../daemon/socket-path.ts'
import { SottoError } from '../node/errors.ts'
import type { Node } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { readPassphrase } from './passphrase.ts'
import { commandFor, requireProfile } from './profile.ts'
import { networkOptions, overlay, readSettings } from './settings.ts'
import type { NetworkFlags } from './settings.ts'
import { sleep } from './sleep.ts'

/** A folder whose store is locked while its socket is silent belongs to a node that starts, or to another short command. */
const LOCKED_TRIES = 50
const LOCKED_PAUSE_MS = 100

/** Runs `use` with the methods of a node and lets go of it afterwards, also when `use` fails. */
export async function withNode<T>(
  context: CliContext,
  use: (caller: Caller) => Promise<T>,
): Promise<T> {
  const caller = await openCaller(context)
  try {
    return await use(caller)
  } finally {
    await caller.close()
  }
}

/** Connects to the node that is up. Throws SottoError NODE_STOPPED when there is none. */
export async function requireDaemon(context: CliContext): Promise<DaemonClient> {
  const home = await requireProfile(context.flags)
  const daemon = await connect(home)
  if (daemon !== undefined) return daemon
  throw new SottoError('NODE_STOPPED', 'no node is up for this identity', {
    hint: `start one: ${commandFor(context.flags, 'up --detach')}`,
  })
}

/** Starts a node on the folder of this command, with its settings and the flags over them. */
export async function openOwnNode(
  context: CliContext,
  home: string,
  network: NetworkFlags = {},
): Promise<Node> {
  const settings = overlay(await readSettings(home), network)
  const { createNode } = await context.library()
  return createNode({
    profile: { dir: home },
    network: networkOptions(settings),
    unlock: () => readPassphrase(context),
    ...(context.flags.keyFile === undefined ? {} : { keyFile: context.flags.keyFile }),
    signal: context.interrupted,
  })
}

async function openCaller(context: CliContext): Promise<Caller> {
  const { flags } = context
  if (flags.via === 'daemon') return requireDaemon(context)
  const home = await requireProfile(flags)
  for (let attempt = 0; ; attempt++) {
    const daemon = flags.via === 'embedded' ? undefined : await connect(home)
    if (daemon !== undefined) return daemon
    try {
      return new EmbeddedCaller(await openOwnNode(context, home), context.version)
    } catch (error) {
      if (!SottoError.is(error, 'STORE_LOCKED')) throw error
      if (attempt >= LOCKED_TRIES || flags.via === 'embedded') throw await lockedBy(home, error)
    }
    await sleep(LOCKED_PAUSE_MS, context.signal)
  }
}

/** A node with another major number of the API is refused: what it answers could mean something else. */
async function connect(home: string): Promise<DaemonClient | undefined> {
  const daemon = await connectDaemon(await findSocket(home))
  if (daemon === undefined) return undefined
  const { api, version } = await daemon.call('meta.hello', {})
  if (major(api) === major(API_VERSION)) return daemon
  await daemon.close()
  throw new SottoError('NODE_STOPPED', `the node that is up is sotto ${version}, too different`, {
    hint: 'restart it with this version: sotto down, then sotto up',
  })
}

function major(version: string): string {
  return version.split('.', 1)[0] ?? ''
}

/** Who has the folder open, if that can be told. */
export async function lockedBy(home: string, cause: SottoError): Promise<SottoError> {
  const pid = await readFile(join(home, 'run', 'pid'), 'utf8').catch(() => '')
  const who = /^\d+\s*$/.test(pid) ? ` (pid ${pid.trim()})` : ''
  const message = `another process${who} has ${home} open and does not answer`
  return new SottoError('STORE_LOCKED', message, {
    cause,
    hint: 'wait for it, or stop it',
    retryable: true,
  })
}
