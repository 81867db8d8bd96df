// `node.mailbox`: what api.ts promises of it.

import { DecodeError, CryptoError } from '../protocol/errors.ts'
import { MailboxError } from '../net/mailbox-client.ts'
import type { MailboxInfo, Mailboxes } from './api.ts'
import type { ChatCore } from './core.ts'
import { SottoError } from './errors.ts'
import { plainly } from './plainly.ts'

export class MailboxFace implements Mailboxes {
  readonly #core: ChatCore

  constructor(core: ChatCore) {
    this.#core = core
  }

  async use(link: string, options: { readonly signal?: AbortSignal } = {}): Promise<MailboxInfo> {
    try {
      return await plainly(this.#core.ownMailboxes.use(link.trim(), options))
    } catch (cause) {
      options.signal?.throwIfAborted()
      throw translate(cause)
    }
  }

  list(): readonly MailboxInfo[] {
    return this.#core.ownMailboxes.list()
  }
}

function translate(cause: unknown): unknown {
  if (cause instanceof SottoError) return cause
  if (cause instanceof DecodeError || cause instanceof CryptoError) {
    return new SottoError('INVALID_ARGUMENT', 'this mailbox link is damaged or incomplete', {
      cause,
      hint: 'ask the operator for the link that sotto mailbox host prints (SOTTO:M/1/…)',
    })
  }
  if (cause instanceof MailboxError && cause.code === 'ERR_JOIN') {
    return new SottoError('NOT_ALLOWED', 'the mailbox refused the join secret of this link', {
      cause,
      hint: 'ask the operator for a new link',
    })
  }
  if (cause instanceof MailboxError && cause.code === 'ERR_QUOTA') {
    return new SottoError('QUOTA_EXCEEDED', 'the mailbox takes no more members', {
      cause,
      hint: 'ask the operator, or use another mailbox',
    })
  }
  return new SottoError('PEER_UNREACHABLE', 'the mailbox could not be reached', {
    cause,
    hint: 'check that it runs and that the address in the link is right, then try again',
    retryable: true,
  })
}
