// A mailbox of a test network: the process that runs `sotto mailbox host`.

import { join } from 'node:path'
import { decodeMailboxLink } from '../protocol/link.ts'
import { addressTexts } from '../net/address.ts'
import { peerName } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import { LOOPBACK, type MemberContext, type MemberNetwork } from './member.ts'
import type { Exit, Program } from './process.ts'

export interface Box {
  readonly name: string
  readonly dir: string
  readonly peer: PeerName
  /** `SOTTO:M/1/…` */
  readonly link: string
  /** A multiaddr with /p2p/. */
  readonly address: string
  readonly pid: number
  stop(): Promise<Exit>
}

/** Starts a mailbox and reads its link. Rejects with StartError. */
export async function startBox(
  { processes, entry, signal }: MemberContext,
  name: string,
  dir: string,
  { bootstrap, replication }: MemberNetwork,
): Promise<Box> {
  const network = [
    ...['--listen', LOOPBACK, '--replication', String(replication)],
    ...bootstrap.flatMap((address) => ['--bootstrap', address]),
  ]
  const args = ['--home', dir, '--json', '--no-input', 'mailbox', 'host', ...network]
  const log = join(dir, 'log', 'mailbox.log')
  const program = await processes.start({ entry, args, log, signal })
  return describe(program, name, dir)
}

function describe(program: Program, name: string, dir: string): Box {
  const said: unknown = JSON.parse(program.line)
  if (typeof said !== 'object' || said === null || !('link' in said)) throw unreadable()
  const { link } = said
  if (typeof link !== 'string') throw unreadable()
  const { account, addresses } = decodeMailboxLink(link)
  const [address] = addressTexts(addresses)
  if (address === undefined) throw unreadable()
  const peer = peerName(account)
  const { pid } = program
  return {
    name,
    dir,
    peer,
    link,
    address: `${address}/p2p/${peer}`,
    pid,
    stop: () => program.stop(),
  }
}

function unreadable(): Error {
  return new Error('a mailbox said something else than its link')
}
