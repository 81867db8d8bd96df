// Runs command lines inside the test, against a node in memory; only the folders and sockets are real.

import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable, Writable } from 'node:stream'
import { onTestFinished } from 'vitest'
import type { SottoError } from '../../node/errors.ts'
import type { NodeOptions } from '../../node/api.ts'
import type { Library } from '../../cli/context.ts'
import { runCli } from '../../cli/run.ts'
import { serve } from '../../daemon/server.ts'
import { prepareSocket } from '../../daemon/socket-path.ts'
import { FakeNode } from '../daemon/fake-node.ts'
import { temporaryFolder } from '../daemon/support.ts'

export { temporaryFolder }

/** Everything that reached a stream. */
export class Capture extends Writable {
  text = ''
  readonly isTTY: boolean

  constructor(isTTY = false) {
    super()
    this.isTTY = isTTY
  }

  override _write(chunk: Uint8Array, _encoding: string, done: () => void): void {
    this.text += new TextDecoder().decode(chunk)
    done()
  }
}

export interface Ran {
  readonly exit: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  /** The node that `createNode` gives. */
  readonly node?: FakeNode
  /** The profile is sealed: `createNode` asks for the passphrase. */
  readonly unlocks?: boolean
  /** What `createNode` fails with instead. */
  readonly failure?: SottoError
  readonly stdin?: string | Readable
  /** Stands for a person at a terminal. */
  readonly terminal?: boolean
  readonly environment?: Readonly<Record<string, string>>
  readonly interrupted?: AbortSignal
  readonly onInterrupt?: () => void
  readonly stdout?: Capture
  /** Sees what the command asked the library for. */
  readonly onCreate?: (options: NodeOptions) => void
}

/** Runs one command line. */
export async function sotto(argv: readonly string[], options: RunOptions = {}): Promise<Ran> {
  const { terminal = false, environment = {} } = options
  const stdout = options.stdout ?? new Capture(terminal)
  const stderr = new Capture(terminal)
  const input = options.stdin ?? ''
  const stdin = typeof input === 'string' ? Readable.from([new TextEncoder().encode(input)]) : input
  const exit = await runCli(argv, {
    stdin: Object.assign(stdin, { isTTY: terminal }),
    stdout,
    stderr,
    environment,
    interrupted: options.interrupted ?? new AbortController().signal,
    interrupt: options.onInterrupt ?? (() => undefined),
    onHangup: () => () => undefined,
    entry: [process.execPath],
    library: async () => fakeLibrary(options),
  })
  return { exit, stdout: stdout.text, stderr: stderr.text }
}

/** A folder that looks like one with an identity. */
export async function profile(): Promise<string> {
  const home = await temporaryFolder()
  await writeFile(join(home, 'identity.sealed'), '')
  return home
}

/** A folder whose node is up: the fake node behind the folder's socket. */
export async function profileUp(node: FakeNode): Promise<string> {
  const home = await profile()
  const path = await prepareSocket(home)
  const server = await serve({ node, path, version: '1.2.3', onStop: () => void server.close() })
  onTestFinished(() => server.close())
  return home
}

/** The fields of the one JSON document on stdout. */
export function json(ran: Ran): Readonly<Record<string, unknown>> {
  const lines = ran.stdout.trimEnd().split('\n')
  if (lines.length !== 1) throw new Error(`${lines.length} lines on stdout`)
  return JSON.parse(ran.stdout)
}

function fakeLibrary(options: RunOptions): Library {
  return {
    createNode: async (given = {}) => {
      options.onCreate?.(given)
      if (options.unlocks === true) await given.unlock?.()
      if (options.failure !== undefined) throw options.failure
      return options.node ?? new FakeNode()
    },
    createProfile: async ({ dir, name, unlock }) => {
      const passphrase = unlock === undefined ? '' : await unlock()
      await writeFile(join(dir, 'identity.sealed'), passphrase)
      return { ...new FakeNode().id, name }
    },
  }
}
