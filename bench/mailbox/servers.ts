/** The mailboxes that are measured, each in a process of its own. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { Child } from '../child.ts'
import type { ServerOrder } from './orders.ts'

export interface Server {
  /** What a client has to know. */
  readonly meeting: string
  readonly pid: number
  readonly end: () => void
}

/** Starts one with its store in a folder that is there. */
export type StartServer = (folder: string) => Promise<Server>

/** One of our scripts. */
export function scripted(name: string): StartServer {
  return async (folder) => {
    const child = Child.start<ServerOrder>(new URL(`${name}.ts`, import.meta.url))
    try {
      const meeting = await child.ask<string>({ serve: folder })
      return { meeting, pid: child.pid, end: () => child.end() }
    } catch (cause) {
      child.end()
      throw cause
    }
  }
}

/** A server of the system's packages. */
export interface Program {
  readonly subject: 'redis' | 'jetstream'
  readonly program: string
  /** Of Debian. */
  readonly package: string
  readonly version: string | undefined
  readonly start: StartServer
}

/** Those of the machine, and those that are missing: without a version. */
export function programs(): readonly Program[] {
  return [
    {
      subject: 'redis',
      ...described('redis-server'),
      start: started('redis-server', 'redis', (port, folder) => [
        ...['--port', port, '--bind', '127.0.0.1', '--dir', folder, '--save', ''],
        ...['--appendonly', 'yes', '--appendfsync', 'always'],
      ]),
    },
    {
      subject: 'jetstream',
      ...described('nats-server'),
      start: started('nats-server', 'nats', (port, folder) => {
        return ['-js', '-sd', folder, '-a', '127.0.0.1', '-p', port]
      }),
    },
  ]
}

function described(program: string): Pick<Program, 'program' | 'package' | 'version'> {
  const path = find(program)
  const said = path === undefined ? '' : spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout
  const version = path === undefined ? undefined : (/\d+\.\d+\.\d+/.exec(said)?.[0] ?? 'unknown')
  return { program, package: program, version }
}

/** Debian keeps servers where not every user looks. */
function find(program: string): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(':'), '/usr/sbin', '/usr/local/sbin']
  return folders.map((folder) => `${folder}/${program}`).find((path) => existsSync(path))
}

function started(
  program: string,
  scheme: string,
  options: (port: string, folder: string) => readonly string[],
): StartServer {
  return async (folder) => {
    const port = await freePort()
    const path = find(program) ?? program
    const child = spawn(path, [...options(String(port), folder)], { stdio: 'ignore' })
    const end = (): void => void child.kill('SIGKILL')
    try {
      await listening(port, child)
    } catch (cause) {
      end()
      throw cause
    }
    return { meeting: `${scheme}://127.0.0.1:${port}`, pid: child.pid ?? 0, end }
  }
}

function freePort(): Promise<number> {
  const server = createServer()
  return new Promise((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', () => {
      const address = server.address()
      const port = typeof address === 'object' && address !== null ? address.port : 0
      server.close(() => resolve(port))
    })
  })
}

/** Resolves when a connection was taken. */
async function listening(port: number, child: ChildProcess): Promise<void> {
  let problem: unknown
  child.once('error', (cause) => (problem = cause))
  for (const until = performance.now() + 10_000; performance.now() < until;) {
    if (problem !== undefined) throw new Error('A server could not be started', { cause: problem })
    if (child.exitCode !== null) throw new Error(`A server ended with ${child.exitCode}`)
    if (await isOpen(port)) return
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
  throw new Error('A server does not listen')
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve(true)
    }).once('error', () => resolve(false))
  })
}
