// How a command reaches the methods of a mailbox, whether it serves or only its folder is there.

import { connectTo, RpcClient } from './client.ts'
import { mailboxMethods, refused } from './mailbox-methods.ts'
import { toSottoError } from './rpc-errors.ts'
import type { CallOptions } from './caller.ts'
import type { MailboxHands, MailboxTable } from './mailbox-methods.ts'
import type { MailboxMethodName, MailboxMethodTypes } from './mailbox-types.ts'

export interface MailboxCaller {
  /** Whether the mailbox serves. */
  readonly up: boolean
  call<M extends MailboxMethodName>(
    method: M,
    params: MailboxMethodTypes[M]['params'],
    options?: CallOptions,
  ): Promise<MailboxMethodTypes[M]['result']>
  close(): Promise<void>
}

/** A mailbox that serves, over its socket. */
export class MailboxClient extends RpcClient<MailboxMethodTypes> implements MailboxCaller {
  readonly up = true
}

/** Undefined when no living process listens there. */
export async function connectMailbox(path: string): Promise<MailboxClient | undefined> {
  return await connectTo(path, (socket) => new MailboxClient(socket))
}

/** The folder of a mailbox, opened by this process. */
export class FolderCaller implements MailboxCaller {
  readonly up = false
  readonly #methods: MailboxTable
  readonly #close: () => Promise<void>

  /** `close` lets go of the folder. */
  constructor(hands: MailboxHands, close: () => Promise<void>) {
    this.#methods = mailboxMethods(hands, () => undefined)
    this.#close = close
  }

  async call<M extends MailboxMethodName>(
    method: M,
    params: MailboxMethodTypes[M]['params'],
    { signal }: CallOptions = {},
  ): Promise<MailboxMethodTypes[M]['result']> {
    signal?.throwIfAborted()
    try {
      return await this.#methods[method](params).catch(refused)
    } catch (error) {
      throw toSottoError(error)
    }
  }

  async close(): Promise<void> {
    await this.#close()
  }
}
