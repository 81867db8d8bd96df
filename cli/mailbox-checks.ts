// What has to be right around a mailbox. Each check says what it found, and when that is wrong, what helps.

import { lookup } from 'node:dns/promises'
import { mkdtemp, open, readdir, rm, stat, statfs } from 'node:fs/promises'
import { connect, createServer } from 'node:net'
import { dirname, join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { networkOf } from '../mailbox/config/apply.ts'
import type { LoadedConfig } from './mailbox-config.ts'
import { profileExists } from './profile.ts'
import { renderBytes } from './render.ts'

export interface Finding {
  readonly name: string
  readonly ok: boolean
  readonly what: string
  /** Empty when nothing is wrong. */
  readonly fix: string
}

/** No check takes longer. */
const PATIENCE_MS = 3000

/** A disk this slow lets every sender wait. */
const SLOW_SYNC_MS = 500

/** Files of the future, by more than this: the clock was set back. */
const CLOCK_SLACK_MS = 120_000

/** Below this, nothing else matters. */
const MIN_FREE_BYTES = 64 * 1024 * 1024

/** No program of this version ran before. */
const EARLIEST = Date.UTC(2025, 0, 1)

type Result = Omit<Finding, 'name'>

/** `serving`: its own ports are taken then. */
export async function checkMailbox(
  loaded: LoadedConfig,
  serving: boolean,
): Promise<readonly Finding[]> {
  const checks: readonly (readonly [string, () => Promise<Result>])[] = [
    ['config', async () => fine(`valid: ${loaded.path}`)],
    ['folder', () => checkFolder(loaded)],
    ['store', () => checkStore(loaded)],
    ['disk', () => checkDisk(loaded)],
    ['clock', () => checkClock(loaded)],
    ...portsOf(networkOf(loaded.config).listen).map(
      ({ host, port }) => [`${port}/tcp`, () => checkPort(host, port, serving)] as const,
    ),
    ...portsOf(networkOf(loaded.config).announce ?? []).map(
      ({ host, port }) => ['announced', () => checkAnnounced(host, port, serving)] as const,
    ),
  ]
  return await Promise.all(
    checks.map(async ([name, check]) => ({ name, ...(await check().catch(unable)) })),
  )
}

async function checkFolder({ dir }: LoadedConfig): Promise<Result> {
  if (!(await profileExists(dir))) {
    return wrong(`there is no mailbox in ${dir}`, 'create one: sotto mailbox init')
  }
  const { mode } = await stat(dir)
  return (mode & 0o077) === 0 ? fine(dir) : wrong(`others can look into ${dir}`, `chmod 700 ${dir}`)
}

/** Writes and syncs as a deposit does. */
async function checkStore({ dir }: LoadedConfig): Promise<Result> {
  const folder = await mkdtemp(join(await existing(dir), '.check-'))
  try {
    const file = await open(join(folder, 'probe'), 'w', 0o600)
    const start = performance.now()
    try {
      await file.write(new Uint8Array(4096))
      await file.sync()
    } finally {
      await file.close()
    }
    const took = Math.ceil(performance.now() - start)
    return took < SLOW_SYNC_MS
      ? fine(`written and synced in ${took} ms`)
      : wrong(`a write takes ${took} ms`, 'put the folder on a faster disk')
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function checkDisk({ dir, config }: LoadedConfig): Promise<Result> {
  const { bavail, bsize } = await statfs(await existing(dir))
  const [free, used] = [bavail * bsize, await sizeOf(join(dir, 'store'))]
  const needed = Math.max(MIN_FREE_BYTES, config.quota.disk_budget - used)
  const what = `${renderBytes(free)} free, ${renderBytes(used)} in use`
  return free >= needed
    ? fine(what)
    : wrong(
        `${what}: less than the budget of ${renderBytes(config.quota.disk_budget)}`,
        'make room, or lower it: sotto mailbox quota set disk_budget 5GiB',
      )
}

async function checkClock({ dir }: LoadedConfig): Promise<Result> {
  const now = Date.now()
  const newest = Math.max(0, ...(await timesOf(join(dir, 'store'))))
  if (now < EARLIEST) return wrong('the clock is years behind', 'set it: timedatectl set-ntp true')
  return newest - now <= CLOCK_SLACK_MS
    ? fine(new Date(now).toISOString())
    : wrong('the folder was written in the future', 'set the clock: timedatectl set-ntp true')
}

/** Of one that serves: does it answer? Else: can it be had? */
async function checkPort(host: string, port: number, serving: boolean): Promise<Result> {
  if (port === 0) return wrong('any port: the link would be wrong after a restart', 'name one')
  if (serving) {
    const problem = await connects(
      host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host,
      port,
    )
    return problem === undefined
      ? fine('listens')
      : wrong(`does not answer (${problem})`, 'restart the mailbox, and look at its log')
  }
  const problem = await binds(host, port)
  if (problem === undefined) return fine('is free')
  const fix =
    problem === 'EACCES'
      ? 'ports below 1024 need a permission: AmbientCapabilities=CAP_NET_BIND_SERVICE'
      : 'stop the program that uses it, or change host.listen'
  return wrong(`cannot be listened on (${problem})`, fix)
}

/** As others see it, as far as this computer can tell. */
async function checkAnnounced(host: string, port: number, serving: boolean): Promise<Result> {
  const name = `${host} port ${port}`
  const found = await lookup(host).catch(() => undefined)
  if (found === undefined) {
    return wrong(
      `${host} is no name that DNS knows`,
      'add an A or AAAA record, or change host.public',
    )
  }
  if (!serving) return fine(`${name} is ${found.address}; asked again while it serves`)
  const problem = await connects(found.address, port)
  return problem === undefined
    ? fine(`${name} answers`)
    : wrong(`${name} does not answer (${problem})`, 'open the port in the firewall and forward it')
}

function portsOf(
  addresses: readonly string[],
): readonly { readonly host: string; readonly port: number }[] {
  return addresses.flatMap((address) => {
    const [host, transport] = multiaddr(address).getComponents()
    const port = transport?.name === 'tcp' ? Number(transport.value) : undefined
    return host?.value === undefined || port === undefined ? [] : [{ host: host.value, port }]
  })
}

/** The code of what went wrong. */
function connects(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout: PATIENCE_MS })
    const end = (problem?: string): void => {
      socket.destroy()
      resolve(problem)
    }
    socket.once('connect', () => end())
    socket.once('timeout', () => end('no answer'))
    socket.once('error', (error) => end(codeOf(error)))
  })
}

function binds(host: string, port: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', (error) => resolve(codeOf(error)))
    server.listen({ host, port, exclusive: true }, () => server.close(() => resolve(undefined)))
  })
}

async function sizeOf(dir: string): Promise<number> {
  return (await statsOf(dir)).reduce((sum, { size }) => sum + size, 0)
}

async function timesOf(dir: string): Promise<readonly number[]> {
  return (await statsOf(dir)).map(({ mtimeMs }) => mtimeMs)
}

async function statsOf(dir: string) {
  const names = await readdir(dir).catch(() => [])
  const found = await Promise.all(names.map((name) => stat(join(dir, name)).catch(() => undefined)))
  return found.filter((one) => one !== undefined)
}

/** The folder, or the one in which it would be made. */
async function existing(dir: string): Promise<string> {
  const found = await stat(dir).catch(() => undefined)
  return found !== undefined || dirname(dir) === dir ? dir : await existing(dirname(dir))
}

function fine(what: string): Result {
  return { ok: true, what, fix: '' }
}

function wrong(what: string, fix: string): Result {
  return { ok: false, what, fix }
}

function unable(error: unknown): Result {
  return wrong(`it cannot be told (${codeOf(error)})`, 'look at the permissions of the folder')
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
