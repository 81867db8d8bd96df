import { SottoError } from '../node/errors.ts'
import type { Node } from '../node/api.ts'
import type { CallOptions, Caller } from './caller.ts'
import { methods } from './methods.ts'
import type { MethodName, ParamsOf, ResultOf } from './method-types.ts'
import type { MethodContext } from './methods.ts'
import { Session } from './session.ts'
import type { EventNotification } from './session.ts'
import { toSottoError } from './rpc-errors.ts'

/** Calls the same table as the socket does, on a node of this process. `close` stops the node. */
export class EmbeddedCaller implements Caller {
  readonly mode = 'embedded'
  readonly lost: Promise<never>
  readonly #node: Node
  readonly #version: string
  readonly #session: Session
  readonly #listeners = new Set<(notification: EventNotification) => void>()
  readonly #lost = Promise.withResolvers<never>()

  constructor(node: Node, version: string) {
    this.#node = node
    this.#version = version
    this.lost = this.#lost.promise
    this.lost.catch(() => undefined)
    this.#session = new Session(async (_, notification) => {
      for (const listener of this.#listeners) listener(notification)
    })
  }

  async call<M extends MethodName>(
    method: M,
    params: ParamsOf<M>,
    options: CallOptions = {},
  ): Promise<ResultOf<M>> {
    const { signal = new AbortController().signal } = options
    signal.throwIfAborted()
    try {
      return await methods[method](this.#context(signal), params)
    } catch (error) {
      signal.throwIfAborted()
      throw toSottoError(error)
    }
  }

  onNotification(listener: (notification: EventNotification) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  async close(): Promise<void> {
    this.#session.close()
    await this.#node.stop()
  }

  #context(signal: AbortSignal): MethodContext {
    const stop = (): void => this.#lost.reject(new SottoError('NODE_STOPPED', 'the node stopped'))
    const [node, session, version] = [this.#node, this.#session, this.#version]
    return { node, session, version, stop, signal }
  }
}
