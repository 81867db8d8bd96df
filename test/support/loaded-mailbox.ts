// A mailbox in a process of its own, on a real folder, and those who come to it over TCP.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createLibp2p } from 'libp2p'
import { multiaddr } from '@multiformats/multiaddr'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { libp2pKey } from '../../net/platform/identity-codec.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { silentLogger } from '../../net/platform/silent-logger.ts'
import { transports } from '../../net/platform/transports.ts'
import { libp2pWire } from '../../net/wire.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { testAccount } from './accounts.ts'
import type { ChildProcess } from 'node:child_process'
import type { Libp2p, Stream } from '@libp2p/interface'
import type { MailboxLimits } from '../../mailbox/limits.ts'
import type { MailboxServiceStatus } from '../../mailbox/service.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { PeerName, Wire } from '../../net/ports.ts'
import type { WireComponents } from '../../net/wire.ts'
import type { Account } from '../../protocol/account.ts'

const PROGRAM = fileURLToPath(new URL('loaded-process.ts', import.meta.url))

export interface LoadedStart {
  readonly dir: string
  readonly limits: Partial<MailboxLimits>
}

/** What a mailbox bears. */
export interface Weight {
  /** MiB resident after a garbage collection. */
  readonly memory: number
  readonly status: MailboxServiceStatus
}

/** How a mailbox is found, also from another process. */
export interface Meeting {
  readonly link: string
  readonly peer: PeerName
  readonly addresses: readonly string[]
}

export class LoadedMailbox {
  readonly meeting: Meeting
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(meeting: Meeting, child: ChildProcess, folder: string) {
    this.meeting = meeting
    this.#child = child
    this.#folder = folder
  }

  static async start(limits: Partial<MailboxLimits> = {}): Promise<LoadedMailbox> {
    const folder = await mkdtemp(join(tmpdir(), 'sotto-loaded-'))
    const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc']
    const child = spawn(process.execPath, ['--expose-gc', PROGRAM], { stdio })
    child.send({ dir: join(folder, 'box'), limits } satisfies LoadedStart)
    return new LoadedMailbox((await answer(child)) as Meeting, child, folder)
  }

  async weigh(): Promise<Weight> {
    this.#child.send('weigh')
    return (await answer(this.#child)) as Weight
  }

  async end(): Promise<void> {
    const exit = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await exit
    await rm(this.#folder, { recursive: true, force: true })
  }
}

/** A libp2p node that only dials, with nothing of a sotto node. */
export class Caller {
  readonly account: Account
  readonly wire: Wire
  readonly #node: Libp2p

  private constructor(account: Account, wire: Wire, node: Libp2p) {
    this.account = account
    this.wire = wire
    this.#node = node
  }

  static async start(account: Account = testAccount(random)): Promise<Caller> {
    const made: { wire?: Wire } = {}
    const node = await createLibp2p({
      privateKey: await libp2pKey(account),
      logger: silentLogger,
      addresses: { listen: [] },
      connectionMonitor: { enabled: false },
      ...transports(),
      services: {
        wire: (components: WireComponents) => {
          made.wire = libp2pWire(components, clock)
          return {}
        },
      },
    })
    if (made.wire === undefined) throw new Error('libp2p made no services')
    return new Caller(account, made.wire, node)
  }

  /** A stream to send any bytes on. */
  async stream({ addresses: [address = ''] }: Meeting): Promise<Stream> {
    return await this.#node.dialProtocol(multiaddr(address), MAILBOX_PROTOCOL)
  }

  /** Of a stranger. */
  client({ peer, addresses }: Meeting, onClosed = (): void => undefined): MailboxClient {
    return new MailboxClient({ wire: this.wire, mailbox: peer, addresses, clock, random, onClosed })
  }

  /** Of an owner, who is a member when this resolves. */
  async joined(
    meeting: Meeting,
    onItems: (items: readonly MailboxItem[]) => void,
  ): Promise<MailboxClient> {
    const { wire, account: owner } = this
    const { link, peer, addresses } = meeting
    const at = { wire, mailbox: peer, addresses, clock, random }
    const client = new MailboxClient({ ...at, owner, onItems, instanceId: random(16) })
    await client.join(decodeMailboxLink(link).joinSecret, PATIENT)
    return client
  }

  async stop(): Promise<void> {
    await this.#node.stop()
  }
}

/** For requests that nobody gives up. */
export const PATIENT = { signal: new AbortController().signal }

async function answer(child: ChildProcess): Promise<unknown> {
  const failure = once(child, 'exit').then(([code, signal]) => {
    throw new Error(`the mailbox ended: ${String(code ?? signal)}`)
  })
  const [told] = await Promise.race([once(child, 'message'), failure])
  return told
}
