// One client of the local socket. Every request gets a reply, in the order of completion.

import type { Socket } from 'node:net'
import { JSONRPCServer } from 'json-rpc-2.0'
import type { JSONRPCRequest } from 'json-rpc-2.0'
import { SottoError } from '../node/errors.ts'
import { LineSplitter } from './lines.ts'
import { MAX_IN_FLIGHT } from './limits.ts'
import { readRequest, type RequestId } from './request.ts'
import { INVALID_REQUEST, METHOD_NOT_FOUND, refusal, toRpcError } from './rpc-errors.ts'
import type { RpcError } from './rpc-errors.ts'
import { Session } from './session.ts'

/** When a rate-limited client should try again. */
const RETRY_AFTER_MS = 100

/** Replies a client does not read are not piled up beyond this; it is cut off. */
const MAX_UNREAD_BYTES = 16 * 1024 * 1024

/** What a client has to take its last answers before the socket is torn down. */
const CLOSE_AFTER_MS = 1000

interface Call {
  readonly signal: AbortSignal
}

/** The methods of one client by name. Each checks its own parameters; the signal is aborted when the client cancels or leaves. */
export type BoundMethods = Readonly<
  Record<string, (params: unknown, signal: AbortSignal) => Promise<unknown>>
>

export interface ConnectionInit {
  /** `stop` ends the service after the answer has left. */
  readonly methods: (client: {
    readonly session: Session
    readonly stop: () => void
  }) => BoundMethods
  readonly onStop: () => void
}

/** Serves one socket until it closes. */
export class Connection {
  /** Resolves when the socket is gone. */
  readonly closed: Promise<void>
  readonly #socket: Socket
  readonly #session: Session
  readonly #rpc: JSONRPCServer<Call>
  readonly #lines = new LineSplitter()
  readonly #calls = new Map<RequestId, AbortController>()
  #room: Promise<void> | undefined
  readonly #answering = new Set<Promise<void>>()

  constructor(socket: Socket, init: ConnectionInit) {
    this.#socket = socket
    this.#session = new Session((method, params) => this.#write({ jsonrpc: '2.0', method, params }))
    this.#rpc = rpcServer(this.#session, init)
    this.closed = new Promise((resolve) => {
      socket.once('close', () => {
        this.#leave()
        resolve()
      })
    })
    socket.on('error', () => socket.destroy())
    socket.on('data', (chunk: Uint8Array) => this.#read(chunk))
  }

  /** Ends the subscriptions, aborts what waits, and closes after the answers have left. */
  async close(): Promise<void> {
    this.#leave()
    await Promise.allSettled(this.#answering)
    this.#socket.end()
    closeSoon(this.#socket)
    await this.closed
  }

  #leave(): void {
    this.#session.close()
    for (const call of this.#calls.values()) call.abort(new SottoError('NODE_STOPPED', 'cancelled'))
  }

  #read(chunk: Uint8Array): void {
    try {
      for (const line of this.#lines.push(chunk)) void this.#answer(line)
    } catch {
      // The rest of an overlong line cannot be told from the next request: say so and hang up.
      this.#socket.removeAllListeners('data')
      hangUp(this.#socket, refusal(INVALID_REQUEST, 'a request is longer than 1 MiB'))
    }
  }

  async #answer(line: string): Promise<void> {
    const read = readRequest(line)
    if (read.kind === 'refused') {
      this.#refuse(read.id, read.error)
      return
    }
    const { request } = read
    if (request.method === '$/cancel') {
      this.#cancel(request.params)
      return
    }
    const id = request.id
    if (this.#answering.size >= MAX_IN_FLIGHT) {
      if (id !== undefined) this.#refuse(id, tooMany())
      return
    }
    const answer = this.#run(request, id)
    this.#answering.add(answer)
    await answer.finally(() => this.#answering.delete(answer))
  }

  async #run(request: JSONRPCRequest, id: RequestId | undefined): Promise<void> {
    const controller = new AbortController()
    if (id !== undefined && id !== null) this.#calls.set(id, controller)
    try {
      const reply = await this.#rpc.receive(request, { signal: controller.signal })
      if (reply !== null) await this.#write(reply)
    } finally {
      if (id !== undefined && this.#calls.get(id) === controller) this.#calls.delete(id)
    }
  }

  #cancel(params: unknown): void {
    const id = typeof params === 'object' && params !== null && 'id' in params ? params.id : null
    if (typeof id !== 'string' && typeof id !== 'number') return
    this.#calls.get(id)?.abort(new SottoError('NODE_STOPPED', 'cancelled by the client'))
  }

  #refuse(id: RequestId, error: RpcError): void {
    void this.#write({ jsonrpc: '2.0', id, error })
  }

  /** Resolves when the socket took the line and has room again, or is gone. */
  async #write(document: object): Promise<void> {
    if (this.#socket.destroyed || this.#socket.writableEnded) return
    const room = this.#socket.write(`${JSON.stringify(document)}\n`)
    if (this.#socket.writableLength > MAX_UNREAD_BYTES) this.#socket.destroy()
    if (!room) await this.#untilRoom()
  }

  /** One pair of listeners, however many answers wait for the same room. */
  #untilRoom(): Promise<void> {
    this.#room ??= new Promise<void>((resolve) => {
      const done = (): void => {
        this.#socket.off('drain', done).off('close', done)
        this.#room = undefined
        resolve()
      }
      this.#socket.once('drain', done).once('close', done)
    })
    return this.#room
  }
}

/** Says why, then closes. */
export function hangUp(socket: Socket, error: RpcError): void {
  socket.end(`${JSON.stringify({ jsonrpc: '2.0', id: null, error })}\n`)
  closeSoon(socket)
}

/** Reads the rest into nothing, as closing over unread bytes would destroy what was just written; not for ever. */
function closeSoon(socket: Socket): void {
  socket.resume()
  setTimeout(() => socket.destroy(), CLOSE_AFTER_MS).unref()
}

function rpcServer(session: Session, init: ConnectionInit): JSONRPCServer<Call> {
  // Errors are answered; there is nothing to print.
  const rpc = new JSONRPCServer<Call>({ errorListener: () => undefined })
  rpc.mapErrorToJSONRPCErrorResponse = (id, error: unknown) => ({
    jsonrpc: '2.0',
    id,
    error: toRpcError(error),
  })
  rpc.handleMethodNotFound = async ({ id, method }) =>
    id === undefined ? null : { jsonrpc: '2.0', id, error: unknownMethod(method) }
  // Not within the call: closing waits for the answers under way, and this one must be among them.
  const stop = (): void => void setImmediate(init.onStop)
  for (const [name, method] of Object.entries(init.methods({ session, stop }))) {
    rpc.addMethod(name, (params: unknown, { signal }) => method(params, signal))
  }
  return rpc
}

function unknownMethod(method: string): RpcError {
  const name = JSON.stringify(method.slice(0, 64))
  return refusal(METHOD_NOT_FOUND, `this node has no method ${name}`)
}

function tooMany(): RpcError {
  const error = toRpcError(
    new SottoError('RATE_LIMITED', `at most ${MAX_IN_FLIGHT} requests at once`, {
      retryable: true,
      hint: 'wait for replies before sending more',
    }),
  )
  return { ...error, data: { ...error.data, retryAfterMs: RETRY_AFTER_MS } }
}
