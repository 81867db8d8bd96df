// A mailbox in the foreground: what `host` and `serve` have in common.

import { execFile } from 'node:child_process'
import { serveMethods } from '../daemon/server.ts'
import { boundMailboxMethods } from '../daemon/mailbox-methods.ts'
import { prepareSocket } from '../daemon/socket-path.ts'
import { networkOf, rulesOf } from '../mailbox/config/apply.ts'
import type { HostMailboxOptions, MailboxHost } from '../mailbox/index.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { handsOfHost } from './mailbox-hands.ts'
import { Live } from './mailbox-live.ts'
import type { LoadedConfig } from './mailbox-config.ts'
import type { Output } from './output.ts'
import { passphraseFromFile, readPassphrase } from './passphrase.ts'
import { commandFor } from './profile.ts'
import { findMailbox } from './with-mailbox.ts'

/** What is under way when a signal comes is finished within this time, or not at all: the program is gone within 20 seconds. */
const DRAIN_MS = 17_000

export interface RunMailboxOptions {
  readonly loaded: LoadedConfig
  /** Reads everything again. */
  readonly load: () => Promise<LoadedConfig>
  /** Whether an invitation is made at the first start. */
  readonly invite: boolean
  /** Whether a log is written to stdout, a line of JSON each, behind what `onUp` writes. */
  readonly log: boolean
  /** Told when people can reach it. */
  readonly onUp: (host: MailboxHost, where: Where) => Promise<void>
}

/** Where a mailbox is to be found on this computer. */
interface Where {
  readonly socket: string
  /** As a field of the result, if there is any. */
  readonly monitor: { readonly monitor: string } | undefined
}

/** Runs until a signal, or until somebody asks the mailbox to stop. */
export async function runMailbox(context: CliContext, options: RunMailboxOptions): Promise<void> {
  const { loaded, load } = options
  const { output } = context
  await refuseSecond(context, loaded.dir)
  const stopped = Promise.withResolvers<void>()
  context.interrupted.addEventListener('abort', () => stopped.resolve(), { once: true })
  const live = new Live({ loaded, load, output })
  const log = new LateLog(output)
  const host = await open(await hostOptions(context, options, { live, log }))
  let [unwatch, unhang, hush] = [nothing, nothing, nothing]
  try {
    live.serve(host)
    const path = await prepareSocket(loaded.dir)
    const methods = boundMailboxMethods(handsOfHost(host, live, context.version))
    const server = await serveMethods(path, { methods, onStop: stopped.resolve })
    unwatch = live.watch()
    unhang = context.onHangup(() => void live.reloadAndTell())
    await options.onUp(host, { socket: path, monitor: monitorOf(host) })
    log.begin()
    await tellManager(context, '--ready')
    hush = keepTelling(context)
    await stopped.promise
    output.talk('stopping: what is under way is finished')
    await tellManager(context, '--stopping')
    await server.close()
  } finally {
    unwatch()
    unhang()
    await inTime(host.stop()).finally(hush)
  }
  output.talk('mailbox stopped')
}

function nothing(): void {}

/** Asked before the folder is opened, so that the answer is quick. */
async function refuseSecond(context: CliContext, dir: string): Promise<void> {
  const running = await findMailbox(dir)
  if (running === undefined) return
  const { pid } = await running.call('meta.hello', {})
  await running.close()
  throw new SottoError('STORE_LOCKED', `a mailbox serves for ${dir} already (pid ${pid})`, {
    hint: `see: ${commandFor(context.flags, 'mailbox status')}`,
  })
}

async function hostOptions(
  context: CliContext,
  { loaded, invite, log }: RunMailboxOptions,
  parts: { readonly live: Live; readonly log: LateLog },
): Promise<HostMailboxOptions> {
  const { config, dir } = loaded
  const { announce, ...network } = networkOf(config)
  // With a passphrase file a new folder is sealed by it and an old one opened; without, only a sealed folder asks.
  const passphrase = await passphraseFromFile(context)
  const level = (): typeof config.log.level => parts.live.loaded.config.log.level
  const write = (line: string): void => parts.log.write(line)
  return {
    profile: { dir },
    ...network,
    ...(announce === undefined ? {} : { announce }),
    ...rulesOf(config),
    signal: context.interrupted,
    invite,
    monitor: { listen: config.metrics.listen, ...(log ? { log: { level, write } } : {}) },
    keyFile: context.flags.keyFile,
    ...(passphrase === undefined
      ? { unlock: () => readPassphrase(context) }
      : { passphrase, unlock: async () => passphrase }),
  }
}

async function open(options: HostMailboxOptions): Promise<MailboxHost> {
  const { hostMailbox } = await import('../mailbox/index.ts')
  const { homeProblem } = await import('../node/home-problem.ts')
  const { HomeError } = await import('../net/platform/home-error.ts')
  try {
    return await hostMailbox(options)
  } catch (cause) {
    options.signal?.throwIfAborted()
    if (cause instanceof HomeError) homeProblem(cause)
    if (cause instanceof SottoError) throw cause // nobody to ask for the passphrase
    throw new SottoError('INVALID_ARGUMENT', 'the mailbox could not listen or join the network', {
      cause,
      hint: 'check the --listen and --bootstrap addresses, and that no other program uses the port',
    })
  }
}

/** The log comes after the first line, which says where the mailbox is. */
class LateLog {
  readonly #output: Output
  #held: string[] | undefined = []

  constructor(output: Output) {
    this.#output = output
  }

  begin(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const line of held) this.write(line)
  }

  /** A reader who has gone is no reason to stop. */
  write(line: string): void {
    if (this.#held !== undefined) this.#held.push(line)
    else void this.#output.line(line).catch(() => undefined)
  }
}

function monitorOf({ monitor }: MailboxHost): Where['monitor'] {
  if (monitor === undefined) return undefined
  const { host, port } = monitor
  return { monitor: `http://${host.includes(':') ? `[${host}]` : host}:${port}` }
}

/** Whoever hangs on is left behind: what was answered is on the disk. */
async function inTime(stopped: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<void>()
  const timer = setTimeout(() => {
    late.reject(new SottoError('WAIT_TIMEOUT', 'what was under way was not finished in time'))
  }, DRAIN_MS)
  try {
    await Promise.race([stopped, late.promise])
  } finally {
    clearTimeout(timer)
  }
}

/**
 * systemd's watchdog wants to hear of us in time, `WatchdogSec` of the unit: an event loop that hangs says nothing, and is ended. Node
 * has no sockets of the kind that systemd listens on, so that its own program speaks for us, twice in that time.
 */
function keepTelling(context: CliContext): () => void {
  const period = Number(context.environment['WATCHDOG_USEC'] ?? 0) / 1000
  if (!(period > 0)) return () => undefined
  const timer = setInterval(() => void tellManager(context, 'WATCHDOG=1'), period / 2)
  return () => clearInterval(timer)
}

/** A service manager that wants to know is told: systemd, with Type=notify. */
async function tellManager({ environment, output }: CliContext, what: string): Promise<void> {
  if (!environment['NOTIFY_SOCKET']) return
  await new Promise<void>((resolve) => {
    execFile('systemd-notify', [what, `--pid=${process.pid}`], (error) => {
      if (error !== null) output.talk('systemd-notify failed: the service manager was not told')
      resolve()
    })
  })
}
