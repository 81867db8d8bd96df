// The local socket of a running node or mailbox: JSON-RPC 2.0, one document per line. Who may talk is decided by the file's mode.

import { chmod, unlink } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Server, Socket } from 'node:net'
import { SottoError } from '../node/errors.ts'
import type { Node } from '../node/api.ts'
import { Connection, hangUp } from './connection.ts'
import type { ConnectionInit } from './connection.ts'
import { MAX_CONNECTIONS } from './limits.ts'
import { nodeMethods } from './methods.ts'
import { toRpcError } from './rpc-errors.ts'
import { answers } from './client.ts'

/** What the socket serves. */
export interface ServerInit {
  readonly node: Node
  /** From `prepareSocket`. */
  readonly path: string
  /** Version of the program. */
  readonly version: string
  /** Called once when a client asks the node to stop. */
  readonly onStop: () => void
}

/** A listening socket. */
export interface DaemonServer {
  readonly path: string
  /** Stops listening, aborts what is waiting, sends what has been answered and removes the socket. */
  close(): Promise<void>
}

/** Listens on the socket (0600). A socket left by a dead process is replaced; a living one is STORE_LOCKED. */
export async function serve(init: ServerInit): Promise<DaemonServer> {
  const { node, path, version, onStop } = init
  return await serveMethods(path, { methods: nodeMethods(node, version), onStop })
}

/** The same with any methods. */
export async function serveMethods(path: string, init: ConnectionInit): Promise<DaemonServer> {
  await removeStale(path)
  const connections = new Set<Connection>()
  const server = createServer((socket) => {
    if (connections.size >= MAX_CONNECTIONS) return refuse(socket)
    const connection = new Connection(socket, init)
    connections.add(connection)
    void connection.closed.then(() => connections.delete(connection))
  })
  await listen(server, path)
  return {
    path,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      await Promise.all([...connections].map((connection) => connection.close()))
      await closed
    },
  }
}

async function removeStale(path: string): Promise<void> {
  if (await answers(path)) {
    throw new SottoError('STORE_LOCKED', 'another process answers on the socket of this folder', {
      hint: 'stop it first',
    })
  }
  await unlink(path).catch((cause: unknown) => {
    if (!isCode(cause, 'ENOENT')) throw cause
  })
}

/** The file is born with mode 0600: between bind and chmod nobody else can connect. */
async function listen(server: Server, path: string): Promise<void> {
  const previous = process.umask(0o177)
  const listening = new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, resolve)
  })
  process.umask(previous)
  await listening
  await chmod(path, 0o600)
}

function refuse(socket: Socket): void {
  const message = `at most ${MAX_CONNECTIONS} connections at once`
  socket.on('error', () => socket.destroy())
  hangUp(socket, toRpcError(new SottoError('RATE_LIMITED', message, { retryable: true })))
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
