// The other end of the local socket: what the commands use while a node is up.

import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { JSONRPCClient, isJSONRPCResponse } from 'json-rpc-2.0'
import { SottoError } from '../node/errors.ts'
import { LineSplitter } from './lines.ts'
import { MAX_IN_FLIGHT } from './limits.ts'
import type { HelloView, MethodTypes } from './method-types.ts'
import { fromRpcError } from './rpc-errors.ts'
import type { EventNotification } from './session.ts'
import type { CallOptions, Caller, Methods } from './caller.ts'

/** A socket file whose owner lives answers a connection at once; this is for an owner that hangs. */
const CONNECT_TIMEOUT_MS = 2000

/** True when a living process accepts connections on the socket. */
export async function answers(path: string): Promise<boolean> {
  try {
    const socket = await open(path)
    socket.destroy()
    return true
  } catch {
    // Nobody there, or not to be reached: for the caller the same.
    return false
  }
}

/** Connects to the node behind a socket, or returns undefined when no living process listens there. */
export async function connectDaemon(path: string): Promise<DaemonClient | undefined> {
  return await connectTo(path, (socket) => new DaemonClient(socket))
}

/** The same for any service. */
export async function connectTo<T>(
  path: string,
  make: (socket: Socket) => T,
): Promise<T | undefined> {
  try {
    return make(await open(path))
  } catch {
    // ENOENT and ECONNREFUSED say that there is no node; any other reason ends at the store's lock, which names it.
    return undefined
  }
}

/** What the node behind a socket says about itself; undefined when no living process listens there. */
export async function helloFrom(path: string): Promise<HelloView | undefined> {
  const daemon = await connectDaemon(path)
  if (daemon === undefined) return undefined
  try {
    return await daemon.call('meta.hello', {})
  } finally {
    await daemon.close()
  }
}

/** Calls methods over one connection, at most 64 at once; more wait here. */
export class RpcClient<Types extends Methods<Types>> {
  readonly lost: Promise<never>
  readonly #socket: Socket
  readonly #rpc: JSONRPCClient
  readonly #lines = new LineSplitter()
  readonly #listeners = new Set<(notification: EventNotification) => void>()
  readonly #lost = Promise.withResolvers<never>()
  readonly #waiting: (() => void)[] = []
  #inFlight = 0
  #lastId = 0

  constructor(socket: Socket) {
    this.#socket = socket
    this.#rpc = new JSONRPCClient((request: object) => this.#write(request))
    this.lost = this.#lost.promise
    this.lost.catch(() => undefined)
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk))
    socket.on('error', () => socket.destroy())
    socket.once('close', () => this.#end(new SottoError('NODE_STOPPED', 'the node went away')))
  }

  /** Calls a method. Rejects with SottoError; when `signal` aborts, with its reason, and the node is told to cancel. */
  async call<M extends keyof Types & string>(
    method: M,
    params: Types[M]['params'],
    options: CallOptions = {},
  ): Promise<Types[M]['result']> {
    await this.#slot()
    try {
      const result = await this.#request(method, params, options.signal)
      // The peer is our own program of the same API version, behind a socket only this user can open.
      return result
    } finally {
      this.#inFlight--
      this.#waiting.shift()?.()
    }
  }

  onNotification(listener: (notification: EventNotification) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    if (this.#socket.destroyed) return
    const closed = new Promise((resolve) => this.#socket.once('close', resolve))
    this.#socket.end()
    this.#socket.destroySoon()
    await closed
  }

  async #slot(): Promise<void> {
    while (this.#inFlight >= MAX_IN_FLIGHT) {
      await new Promise<void>((resolve) => this.#waiting.push(resolve))
    }
    this.#inFlight++
  }

  async #request(
    method: string,
    params: object,
    signal: AbortSignal | undefined,
  ): Promise<unknown> {
    signal?.throwIfAborted()
    const id = ++this.#lastId
    const aborted = Promise.withResolvers<never>()
    const abort = (): void => {
      void this.#write({ jsonrpc: '2.0', method: '$/cancel', params: { id } })
      aborted.reject(signal?.reason)
    }
    signal?.addEventListener('abort', abort, { once: true })
    try {
      const sent = this.#rpc.requestAdvanced({ jsonrpc: '2.0', id, method, params })
      const reply = await Promise.race([sent, aborted.promise, this.#lost.promise])
      if (reply.error !== undefined) throw fromRpcError(reply.error)
      return reply.result
    } finally {
      signal?.removeEventListener('abort', abort)
    }
  }

  async #write(document: object): Promise<void> {
    if (!this.#socket.destroyed) this.#socket.write(`${JSON.stringify(document)}\n`)
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const line of this.#lines.push(chunk)) this.#receive(JSON.parse(line))
    } catch (cause) {
      this.#end(new SottoError('INTERNAL', 'the node sent something unreadable', { cause }))
      this.#socket.destroy()
    }
  }

  #receive(document: unknown): void {
    if (isJSONRPCResponse(document)) {
      if (document.id === null && document.error !== undefined) {
        this.#end(fromRpcError(document.error))
      } else {
        this.#rpc.receive(document)
      }
    } else if (isEvent(document)) {
      for (const listener of this.#listeners) listener(document.params)
    }
  }

  /** Fails what waits; the first reason counts. */
  #end(reason: SottoError): void {
    this.#lost.reject(reason)
  }
}

/** The methods of a node. */
export class DaemonClient extends RpcClient<MethodTypes> implements Caller {
  readonly mode = 'daemon'
}

function open(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error('no answer')))
    socket.once('error', reject)
    socket.once('connect', () => {
      socket.setTimeout(0)
      socket.off('error', reject)
      resolve(socket)
    })
  })
}

function isEvent(document: unknown): document is { readonly params: EventNotification } {
  return (
    typeof document === 'object' &&
    document !== null &&
    'method' in document &&
    document.method === 'event' &&
    'params' in document
  )
}
