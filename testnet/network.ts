// Chat nodes n1, n2, … and mailboxes m1, m2, … in which everybody has everybody as a contact and a mailbox of their own.

import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { startBox, type Box } from './box.ts'
import { inTurns } from './in-turns.ts'
import { Member, type MemberContext, type MemberNetwork } from './member.ts'

export interface Network {
  readonly members: readonly Member[]
  readonly boxes: readonly Box[]
}

export interface NetworkSize {
  readonly dir: string
  readonly nodes: number
  readonly mailboxes: number
}

/** As many processes as start at the same time: more would only wait for each other. */
const STARTS_AT_ONCE = 3

/** As many nodes as learn their contacts at the same time. */
const ADD_AT_ONCE = 2

const REPLICATION = 20

/** How long a node may look for its contacts before the next one begins, and between two looks, in ms. */
const FIND_TIMEOUT = 20_000
const FIND_PAUSE = 50

/** Starts all of it, and tells how far it is. Rejects with StartError; whoever gave the processes ends them then. */
export async function startNetwork(
  context: MemberContext,
  { dir, nodes, mailboxes }: NetworkSize,
  tell: (text: string) => void,
): Promise<Network> {
  const boxes = await startBoxes(context, dir, mailboxes)
  if (boxes.length > 0) tell(`${boxes.length} of ${mailboxes} mailboxes are up`)
  const [bootstrap] = boxes.map(({ address }) => address)
  const members = await startMembers(context, dir, names('n', nodes), bootstrap)
  tell(`${members.length} of ${nodes} nodes are up`)
  await enrol(members, boxes, context.signal)
  await introduce(members, context.signal)
  tell('everybody knows everybody')
  return { members, boxes }
}

async function startBoxes(
  context: MemberContext,
  dir: string,
  mailboxes: number,
): Promise<readonly Box[]> {
  const [first, ...others] = names('m', mailboxes)
  if (first === undefined) return []
  const start = (name: string, bootstrap: readonly string[]): Promise<Box> =>
    startBox(context, name, join(dir, name), { bootstrap, replication: REPLICATION })
  const box = await start(first, [])
  return [box, ...(await inTurns(others, STARTS_AT_ONCE, (name) => start(name, [box.address])))]
}

/** Without a mailbox, the first node is the one that the others ask for the network. */
async function startMembers(
  context: MemberContext,
  dir: string,
  all: readonly string[],
  bootstrap: string | undefined,
): Promise<readonly Member[]> {
  const start = async (name: string, known: readonly string[]): Promise<Member> => {
    const member = await Member.open(context, name, join(dir, name))
    const network: MemberNetwork = { bootstrap: known, replication: REPLICATION }
    await member.settle(network)
    await member.up()
    await member.settle(network) // now with its address
    return member
  }
  if (bootstrap !== undefined) {
    return inTurns(all, STARTS_AT_ONCE, (name) => start(name, [bootstrap]))
  }
  const [first, ...others] = all
  if (first === undefined) return []
  const member = await start(first, [])
  const { address } = member
  return [member, ...(await inTurns(others, STARTS_AT_ONCE, (name) => start(name, [address])))]
}

/** Each node has one mailbox, in turn. */
async function enrol(
  members: readonly Member[],
  boxes: readonly Box[],
  signal: AbortSignal,
): Promise<void> {
  await inTurns([...members.entries()], STARTS_AT_ONCE, async ([at, member]) => {
    const box = boxes[at % boxes.length]
    if (box !== undefined) await member.api.call('mailbox.use', { link: box.link }, { signal })
  })
}

/** Everybody adds everybody, by the links that they would hand over. */
async function introduce(members: readonly Member[], signal: AbortSignal): Promise<void> {
  const links = new Map<Member, string>()
  for (const member of members) {
    links.set(member, (await member.api.call('id.card', {}, { signal })).link)
  }
  await inTurns(members, ADD_AT_ONCE, async (member) => {
    for (const [other, link] of links) {
      if (other === member) continue
      await member.api.call('contact.add', { link, name: other.name }, { signal })
    }
    await found(member, signal)
  })
}

/** Waits until a node has the bundles of its contacts: then its first message to any of them leaves at once. */
async function found(member: Member, signal: AbortSignal): Promise<void> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(FIND_TIMEOUT)])
  for (;;) {
    const { contacts } = await member.api.call('contact.list', {}, { signal })
    // A network in which one is not found is a network still: its node goes on looking.
    if (contacts.every(({ bundle }) => bundle !== null) || patience.aborted) return
    await setTimeout(FIND_PAUSE, undefined, { signal })
  }
}

function names(letter: string, number: number): readonly string[] {
  return Array.from({ length: number }, (_, at) => `${letter}${at + 1}`)
}
