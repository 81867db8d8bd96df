import type { Endpoint, HostMailboxOptions, MailboxHost, MonitorOptions } from '../mailbox/index.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { monitorOptions } from './monitor-options.ts'
import type { MonitorFlags } from './monitor-options.ts'
import { passphraseFromFile, readPassphrase } from './passphrase.ts'
import { mailboxHomeOf } from './profile.ts'
import { shortPeer } from './render.ts'
import { overlay } from './settings.ts'

export interface MailboxHostFlags extends MonitorFlags {
  readonly listen?: readonly string[] | undefined
  readonly announce?: readonly string[] | undefined
  readonly bootstrap?: readonly string[] | undefined
  readonly replication?: number | undefined
}

/** `sotto mailbox host`: holds messages for its members until a signal. The first line of stdout is its link, the others are its log. */
export async function run(
  context: CliContext,
  { metrics, log, ...flags }: MailboxHostFlags,
): Promise<void> {
  const { output, interrupted } = context
  const dir = mailboxHomeOf(context.flags)
  const stopped = new Promise<void>((resolve) => {
    interrupted.addEventListener('abort', () => resolve(), { once: true })
  })
  // With a passphrase file a new folder is sealed by it and an old one opened; without, only a sealed folder asks.
  const passphrase = await passphraseFromFile(context)
  const lines = heldBack(await monitorOptions({ metrics, log }, output))
  const base = {
    ...{ profile: { dir }, ...overlay({}, flags), signal: interrupted },
    ...(lines.monitor === undefined ? {} : { monitor: lines.monitor }),
  }
  const host = await open(
    passphrase === undefined
      ? { ...base, unlock: () => readPassphrase(context) }
      : { ...base, passphrase, unlock: async () => passphrase },
  )
  try {
    const { link, peer, addresses } = host
    const at = host.monitor
    const watched = at === undefined ? {} : { monitor: `http://${hostAndPort(at)}` }
    await output.result({ link, peer, addresses, ...watched, home: dir, pid: process.pid }, link)
    lines.begin()
    output.talk(`mailbox ${shortPeer(peer, output.talkStyle)} is up, in ${dir}`)
    if (at !== undefined)
      output.talk(`health and metrics at http://${hostAndPort(at)}/health and /metrics`)
    output.hint('sotto mailbox use LINK   for everyone who may use it: who has the link can join')
    await stopped
  } finally {
    await host.stop()
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

/** The log comes after the first line, which is the link. */
function heldBack(options: MonitorOptions | undefined) {
  const held: string[] = []
  const log = options?.log
  if (options === undefined || log === undefined)
    return { monitor: options, begin: () => undefined }
  let write = (line: string): void => void held.push(line)
  const begin = (): void => {
    write = log.write
    for (const line of held.splice(0)) write(line)
  }
  return { monitor: { ...options, log: { ...log, write: (line: string) => write(line) } }, begin }
}

function hostAndPort({ host, port }: Endpoint): string {
  return host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
}
