// `node.mailbox`: what api.ts promises of it.

import { DecodeError, CryptoError } from '../protocol/errors.ts'
import { equalBytes } from '../protocol/bytes.ts'
import { decodeMailboxLink } from '../protocol/link.ts'
import { MailboxError } from '../net/mailbox-client.ts'
import { accountOf, peerName } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import type { MailboxInfo, MailboxTest, Mailboxes } from './api.ts'
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

  async move(
    link: string,
    { from, signal }: { readonly from?: string; readonly signal?: AbortSignal } = {},
  ): Promise<MailboxInfo> {
    const old = this.#find(from)
    try {
      const options = signal === undefined ? {} : { signal }
      return await plainly(this.#core.ownMailboxes.move(link.trim(), old, options))
    } catch (cause) {
      signal?.throwIfAborted()
      throw translate(cause)
    }
  }

  async leave(ref: string, { now = false }: { readonly now?: boolean } = {}): Promise<void> {
    const mailbox = this.#find(ref)
    await plainly(this.#core.ownMailboxes.leave(mailbox, now ? 0 : undefined))
  }

  async test({ signal }: { readonly signal?: AbortSignal } = {}): Promise<readonly MailboxTest[]> {
    const listed = this.list()
    return Promise.all(
      listed.map(async ({ peer, addresses }) => ({
        mailbox: peer,
        roundTrip: (await this.#core.ownMailboxes.ping(peer)) ?? null,
        serves: await this.#serves(peer, addresses, signal),
      })),
    )
  }

  /** As a stranger sees it: by another connection, under a name that is thrown away. */
  async #serves(
    mailbox: PeerName,
    addresses: readonly string[],
    signal = new AbortController().signal,
  ): Promise<MailboxTest['serves']> {
    const { pool, account, ownKeys } = this.#core
    try {
      const hint = { account: accountOf(mailbox), addresses }
      const bundle = await pool.bundle(hint, account.key, { signal })
      if (bundle === undefined) return 'nothing'
      return equalBytes(bundle, ownKeys.bundle.bytes) ? 'current' : 'other'
    } catch {
      signal.throwIfAborted()
      return 'unreachable'
    }
  }

  /** A mailbox of ours by its PeerId, the end of it, or its link; without either, the only one. */
  #find(ref: string | undefined): PeerName {
    const peers = this.list()
      .filter(({ leavingAt }) => ref !== undefined || leavingAt === null)
      .map(({ peer }) => peer)
    const found = ref === undefined ? peers : peers.filter((peer) => isNamed(peer, ref.trim()))
    const [only] = found
    if (only !== undefined && found.length === 1) return only
    const several = found.length > 1
    throw new SottoError(
      several ? 'INVALID_ARGUMENT' : 'MAILBOX_NOT_FOUND',
      several ? 'this may be more than one of your mailboxes' : 'this is no mailbox of yours',
      { hint: 'see them with: sotto mailbox list' },
    )
  }
}

/** Fewer letters at the end of a PeerId name nobody. */
const MIN_END = 4

function isNamed(peer: PeerName, ref: string): boolean {
  if (!ref.startsWith('SOTTO:M/')) return ref.length >= MIN_END && peer.endsWith(ref)
  try {
    return peerName(decodeMailboxLink(ref).account) === peer
  } catch {
    return false // no link at all, so nobody's
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
