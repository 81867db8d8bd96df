// Who takes part in the demo: a mailbox, people whose nodes hold other people's bundles, and the two who talk.

import { join } from 'node:path'
import { createNode } from '../node/index.ts'
import { accountOf } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import { bundleKey } from '../protocol/bundle.ts'
import { startBox, type Box } from './box.ts'
import { farthest } from './distance.ts'
import { inTurns } from './in-turns.ts'
import { LOOPBACK, Member, type MemberContext } from './member.ts'
import { StoryError } from './watch.ts'

export interface Cast {
  readonly box: Box
  /** DHT peers: chat nodes without contacts. */
  readonly others: readonly Member[]
  readonly ada: Member
  readonly bob: Member
}

/** Fewer than there are DHT peers, so that not everybody is a holder. */
export const REPLICATION = 3

const OTHERS = ['carol', 'dan', 'erin', 'frank', 'grace', 'heidi', 'ivan'] as const

/** As many processes as start at the same time. */
const AT_ONCE = 3

/** Starts the mailbox and the DHT peers, and makes the folders of the two who talk. */
export async function gather(context: MemberContext, dir: string): Promise<Cast> {
  const home = (name: string): string => join(dir, name)
  const alone = { bootstrap: [], replication: REPLICATION }
  const box = await startBox(context, 'mailbox', home('mailbox'), alone)
  const network = { bootstrap: [box.address], replication: REPLICATION }
  const others = await inTurns(OTHERS, AT_ONCE, async (name) => {
    const member = await Member.open(context, name, home(name))
    await member.settle(network)
    await member.up()
    return member
  })
  const ada = await Member.open(context, 'ada', home('ada'))
  await ada.settle(network)
  const bob = await Member.open(context, 'bob', home('bob'))
  await bob.settle({ ...network, bootstrap: [] })
  return { box, others, ada, bob }
}

/** What `contact add PEERID` does while no node is up: nothing is sent anywhere, as there is nobody to send to. */
export async function addWhileOffline(member: Member, peer: PeerName, name: string): Promise<void> {
  const network = { listen: [LOOPBACK], bootstrap: [], lan: false }
  const node = await createNode({ profile: { dir: member.dir }, network })
  try {
    await node.contacts.add(peer, { name })
  } finally {
    await node.stop()
  }
}

/** Of those who do not hold this person's bundle, the one that is least likely to get it. */
export function stranger(cast: Cast, of: PeerName, holders: readonly PeerName[]): Member {
  const candidates = cast.others.filter(({ peer }) => !holders.includes(peer))
  const peer = farthest(
    bundleKey(accountOf(of)),
    candidates.map((candidate) => candidate.peer),
  )
  const found = candidates.find((candidate) => candidate.peer === peer)
  if (found === undefined) throw new StoryError('every DHT peer holds the bundle')
  return found
}

/** The name a person of the demo goes by. */
export function nameOf(cast: Cast, peer: PeerName): string {
  const { box, others, ada, bob } = cast
  return [box, ada, bob, ...others].find((one) => one.peer === peer)?.name ?? 'somebody else'
}
