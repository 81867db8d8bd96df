// Somebody who leaves mail at a mailbox, one after another, and whom it is for. Keeps what the mailbox has signed for.
import { MailboxClient, type MailboxItem } from '../../net/mailbox-client.ts'
import { peerName } from '../../net/peer-name.ts'
import { systemClock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { envelope, textOf } from '../mailbox/world.ts'
import { testPeer, type TestPeer } from './network.ts'

/** So long that the log is full after as many as are left in a second or two. */
const LENGTH = 32_000

const PAUSE_MS = 100

/** For an answer. */
const ANSWER_MS = 10_000

export class LeftMail {
  /** Texts that the mailbox has signed for. */
  readonly promised = new Set<string>()
  /** Deposits that it has not signed for. */
  refused = 0
  readonly #owner: TestPeer
  readonly #sender: TestPeer
  #leaving: Promise<void> = Promise.resolve()
  #quiet = new AbortController()
  #serial = 0

  private constructor(owner: TestPeer, sender: TestPeer) {
    this.#owner = owner
    this.#sender = sender
  }

  /** The owner has joined. */
  static async begin(link: string, addresses: readonly string[]): Promise<LeftMail> {
    const mail = new LeftMail(await testPeer({ listen: [] }), await testPeer({ listen: [] }))
    const client = mail.#ownersClient(link, addresses, () => undefined)
    await client.join(decodeMailboxLink(link).joinSecret, answered())
    await client.close()
    return mail
  }

  /** Until it is told to be quiet. */
  leave(link: string, addresses: readonly string[]): void {
    this.#quiet = new AbortController()
    this.#leaving = this.#leave(link, addresses, this.#quiet.signal)
  }

  async quiet(): Promise<void> {
    this.#quiet.abort()
    await this.#leaving
  }

  /** Fetches all that waits. Texts by the numbers that the mailbox gave them. */
  async fetch(link: string, addresses: readonly string[]): Promise<ReadonlyMap<bigint, string>> {
    const found = new Map<bigint, string>()
    const fresh: bigint[] = []
    const client = this.#ownersClient(link, addresses, (items) => {
      for (const { id, envelope: bytes } of items) {
        found.set(id, textOf(bytes))
        fresh.push(id)
      }
    })
    await client.fetch(answered())
    while ((await client.status(answered())).waiting > 0) {
      await client.acknowledge(fresh.splice(0), answered())
    }
    await client.close()
    return found
  }

  async end(): Promise<void> {
    await this.quiet()
    await Promise.all([this.#owner.stop(), this.#sender.stop()])
  }

  async #leave(link: string, addresses: readonly string[], quiet: AbortSignal): Promise<void> {
    let client = this.#client(link, addresses)
    while (!quiet.aborted) {
      const text = `mail ${this.#serial++}`
      const deposit = { depositId: random(16), envelope: envelope(text, { length: LENGTH }) }
      try {
        await client.deposit({ owner: this.#owner.account.key, ...deposit }, answered())
        this.promised.add(text)
      } catch {
        this.refused++
        await client.close()
        client = this.#client(link, addresses)
        await new Promise((resolve) => setTimeout(resolve, PAUSE_MS))
      }
    }
    await client.close()
  }

  #client(link: string, addresses: readonly string[]): MailboxClient {
    const mailbox = peerName(decodeMailboxLink(link).account)
    return new MailboxClient({
      ...{ wire: this.#sender.wire, mailbox, addresses, clock: systemClock, random },
    })
  }

  #ownersClient(
    link: string,
    addresses: readonly string[],
    onItems: (items: readonly MailboxItem[]) => void,
  ): MailboxClient {
    const mailbox = peerName(decodeMailboxLink(link).account)
    const { wire, account: owner } = this.#owner
    return new MailboxClient({
      ...{ wire, mailbox, addresses, clock: systemClock, random, owner, onItems },
      instanceId: random(16),
    })
  }
}

function answered(): { readonly signal: AbortSignal } {
  return { signal: AbortSignal.timeout(ANSWER_MS) }
}
