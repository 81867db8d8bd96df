// Starts the node in the background: a session of its own, no terminal, its talk in a log that names nobody.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { chmod, mkdir, open, readFile, rename, stat } from 'node:fs/promises'
import type { FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import { helloFrom } from '../daemon/client.ts'
import { findSocket } from '../daemon/socket-path.ts'
import type { CliContext } from './context.ts'
import { ReportedError } from './report.ts'
import { passphraseFromFile, readPassphrase } from './passphrase.ts'
import { renderDone } from './render.ts'
import type { NetworkFlags } from './settings.ts'
import { sleep } from './sleep.ts'

const PAUSE_MS = 50
const MAX_LOG_BYTES = 10 * 1024 * 1024
/** As much of a failed start as is shown. */
const MAX_FAILURE_BYTES = 4096

/** Resolves when the node in the background answers on its socket. */
export async function detach(
  context: CliContext,
  home: string,
  flags: NetworkFlags,
): Promise<void> {
  const passphrase = await passphraseFor(context, home)
  const logPath = await logFile(home)
  const log = await open(logPath, 'a+', 0o600)
  try {
    await chmod(logPath, 0o600)
    const { size: start } = await log.stat()
    const child = startNode(context, home, flags, log, passphrase)
    const socket = await untilUp(context, home, child, () => failure(child, log, start))
    child.unref()
    const { pid } = child
    await context.output.result(
      { pid, socket, log: logPath },
      `${renderDone(context.output.style)} the node is up in the background   pid ${pid}   log ${logPath}`,
    )
  } finally {
    await log.close()
  }
}

/** Asked here, as the child has no terminal; it reaches the child through a pipe. */
async function passphraseFor(context: CliContext, home: string): Promise<string | undefined> {
  const { protectionOf } = await import('../net/platform/identity-file.ts')
  const file = await readFile(join(home, 'identity.sealed'))
  if (protectionOf(file) !== 'passphrase') return undefined
  return (await passphraseFromFile(context)) ?? (await readPassphrase(context))
}

function startNode(
  context: CliContext,
  home: string,
  flags: NetworkFlags,
  log: FileHandle,
  passphrase: string | undefined,
): ChildProcess {
  const [program, ...first] = context.entry
  const unlock = passphrase === undefined ? [] : ['--passphrase-file', '-']
  const { keyFile } = context.flags
  const key = keyFile === undefined ? [] : ['--key-file', keyFile]
  const json = context.flags.json ? ['--json'] : []
  const argv = [
    'up',
    '--home',
    home,
    '--no-input',
    ...json,
    ...unlock,
    ...key,
    ...networkArguments(flags),
  ]
  const child = spawn(program, [...first, ...argv], {
    detached: true,
    stdio: ['pipe', 'ignore', log.fd],
    env: { ...process.env, SOTTO_TIMEOUT: '', SOTTO_PASSPHRASE_FILE: '' },
  })
  // A child that died before it read is reported by its exit.
  child.stdin?.on('error', () => undefined)
  child.stdin?.end(passphrase === undefined ? '' : `${passphrase}\n`)
  return child
}

function networkArguments(flags: NetworkFlags): readonly string[] {
  const many = (name: string, values: readonly string[] = []): readonly string[] =>
    values.flatMap((value) => [name, value])
  return [
    ...many('--listen', flags.listen),
    ...many('--announce', flags.announce),
    ...many('--bootstrap', flags.bootstrap),
    ...(flags.lan === undefined ? [] : [flags.lan ? '--lan' : '--no-lan']),
    ...(flags.replication === undefined ? [] : ['--replication', String(flags.replication)]),
  ]
}

/** Ends the child when nobody waits for it any more: interrupted, or --timeout. */
async function untilUp(
  context: CliContext,
  home: string,
  child: ChildProcess,
  fail: () => Promise<Error>,
): Promise<string> {
  const exited = new Promise<never>((_, reject) => {
    child.once('error', reject)
    child.once('exit', () => void fail().then(reject, reject))
  })
  exited.catch(() => undefined)
  try {
    for (;;) {
      const socket = await findSocket(home)
      if (await isNode(socket, child.pid)) return socket
      await Promise.race([sleep(PAUSE_MS, context.signal), exited])
    }
  } catch (error) {
    child.kill()
    throw error
  }
}

async function isNode(socket: string, pid: number | undefined): Promise<boolean> {
  const hello = await helloFrom(socket)
  return hello !== undefined && hello.pid === pid
}

/** What the child said when it failed to start, with its exit code. */
async function failure(child: ChildProcess, log: FileHandle, start: number): Promise<Error> {
  const { buffer, bytesRead } = await log.read(
    new Uint8Array(MAX_FAILURE_BYTES),
    0,
    MAX_FAILURE_BYTES,
    start,
  )
  const said = new TextDecoder().decode(buffer.subarray(0, bytesRead)).trim()
  return new ReportedError(said, child.exitCode ?? 1)
}

/** `log/node.log`, begun anew when it has grown large; the one before is kept. */
async function logFile(home: string): Promise<string> {
  const folder = join(home, 'log')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  const path = join(folder, 'node.log')
  const size = await stat(path).then(
    (found) => found.size,
    () => 0,
  )
  if (size > MAX_LOG_BYTES) await rename(path, `${path}.1`)
  return path
}
