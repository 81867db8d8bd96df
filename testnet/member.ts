// A chat node of a test network: a folder, the process that runs `sotto up` on it while it is up, and its local API.

import { join } from 'node:path'
import { writeFile } from 'node:fs/promises'
import { connectDaemon, type DaemonClient } from '../daemon/client.ts'
import { openHome } from '../net/platform/home.ts'
import { peerName } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import { createProfile, profileExists } from '../node/index.ts'
import type { Entry, Exit, Processes, Program } from './process.ts'

/** What all members of a network share. */
export interface MemberContext {
  readonly processes: Processes
  readonly entry: Entry
  readonly signal: AbortSignal
}

/** How a member takes part in the network. */
export interface MemberNetwork {
  /** Multiaddrs with /p2p/ of peers that it connects to. */
  readonly bootstrap: readonly string[]
  /** On how many peers its bundle is put. */
  readonly replication: number
}

/** One address, a port of its own; nothing of a test network can be reached from another machine. */
export const LOOPBACK = '/ip4/127.0.0.1/tcp/0'

export class Member {
  readonly name: string
  readonly dir: string
  readonly peer: PeerName
  readonly #context: MemberContext
  #program: Program | undefined
  #client: DaemonClient | undefined
  /** Kept over restarts, as on a machine of one's own. */
  #address: string | undefined

  private constructor(context: MemberContext, name: string, dir: string, peer: PeerName) {
    this.#context = context
    this.name = name
    this.dir = dir
    this.peer = peer
  }

  /** Makes the identity, or finds it in its folder. Nothing runs yet. */
  static async open(context: MemberContext, name: string, dir: string): Promise<Member> {
    if (!(await profileExists({ dir }))) await createProfile({ dir, name })
    const home = await openHome(dir)
    const peer = peerName(home.account.key)
    await home.close()
    return new Member(context, name, dir, peer)
  }

  /** A multiaddr with /p2p/, once the member has been up. */
  get address(): string {
    if (this.#address === undefined) throw new Error(`${this.name} has not been up yet`)
    return `${this.#address}/p2p/${this.peer}`
  }

  get pid(): number | undefined {
    return this.#program?.pid
  }

  /** The methods of the node while it is up. */
  get api(): DaemonClient {
    if (this.#client === undefined) throw new Error(`${this.name} is not up`)
    return this.#client
  }

  /** Writes how the member takes part, so that `sotto --home DIR up` by hand does the same. */
  async settle(network: MemberNetwork): Promise<void> {
    const settings = { listen: [this.#address ?? LOOPBACK], lan: false, ...network }
    const text = `${JSON.stringify(settings, null, 2)}\n`
    await writeFile(join(this.dir, 'settings.json'), text, { mode: 0o600 })
  }

  /** Starts the process and connects to its socket. Rejects with StartError. */
  async up(): Promise<void> {
    const { processes, entry, signal } = this.#context
    const log = join(this.dir, 'log', 'node.log')
    const args = ['--home', this.dir, '--json', '--no-input', 'up']
    const program = await processes.start({ entry, args, log, signal })
    const said = readReady(program.line)
    this.#program = program
    this.#address = said.addresses
      .find((address) => address.startsWith('/ip4/127.0.0.1/tcp/'))
      ?.replace(/\/p2p\/[^/]+$/, '')
    this.#client = await connectDaemon(said.socket)
    if (this.#client === undefined) throw new Error(`${this.name} does not answer on its socket`)
  }

  /** Stops the node as its user would. */
  async down(): Promise<Exit | undefined> {
    const [program, client] = this.#forget()
    await client?.close()
    return program?.stop()
  }

  /** SIGKILL. Resolves when the process is gone. */
  async kill(): Promise<Exit | undefined> {
    const [program] = this.#forget()
    program?.kill('SIGKILL')
    return program?.exited
  }

  #forget(): readonly [Program | undefined, DaemonClient | undefined] {
    const was = [this.#program, this.#client] as const
    this.#program = undefined
    this.#client = undefined
    return was
  }
}

/** What `sotto up --json` says when it is ready. */
function readReady(line: string): {
  readonly socket: string
  readonly addresses: readonly string[]
} {
  const said: unknown = JSON.parse(line)
  if (typeof said !== 'object' || said === null || !('socket' in said) || !('addresses' in said)) {
    throw new Error('a node said something else than where it listens')
  }
  const { socket, addresses } = said
  if (typeof socket !== 'string' || !Array.isArray(addresses)) {
    throw new Error('a node said something else than where it listens')
  }
  return { socket, addresses: addresses.filter((address) => typeof address === 'string') }
}
