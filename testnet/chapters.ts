// The demo, chapter by chapter. Each does something with real processes, tells it, and leaves when a promise is not kept.

import type { PeerName } from '../net/ports.ts'
import { accountOf } from '../net/peer-name.ts'
import { addressBytes } from '../net/address.ts'
import { encodeContactLink } from '../protocol/link.ts'
import { addWhileOffline, nameOf, stranger, type Cast } from './cast.ts'
import type { Journal } from './journal.ts'
import type { Member } from './member.ts'
import { StoryError, Watch, type EventViewOf, type StateEvent } from './watch.ts'

export interface Story {
  readonly cast: Cast
  readonly journal: Journal
  readonly signal: AbortSignal
  readonly tell: (text: string) => Promise<void>
}

interface Use {
  readonly member: Member
  readonly box: Cast['box']
  readonly watch: Watch
  readonly signal: AbortSignal
}

/** Ada puts her bundle into the DHT and leaves. Returns who holds it. */
export async function publish({ cast, tell, signal }: Story): Promise<readonly PeerName[]> {
  const { ada, box } = cast
  await ada.up()
  const watch = await Watch.open(ada.api, signal)
  const { sequence, holders } = await useMailbox({ member: ada, box, watch, signal })
  const names = holders.map((peer) => nameOf(cast, peer))
  const without = cast.others.filter(({ peer }) => !holders.includes(peer))
  await tell(`  ada published her bundle (number ${sequence}: her keys, and where her mailbox is).`)
  await tell(`  It is held by ${list(names)}, not by ${list(without.map(({ name }) => name))}.`)
  await ada.api.call('contact.add', { link: cast.bob.peer, name: 'bob' }, { signal })
  await ada.down()
  await tell('  ada goes offline: whoever wants her bundle now has to find it without her.')
  return holders
}

/** Bob looks ada up through the DHT, from a node that was connected to none of the holders, and writes to her. */
export async function find(story: Story, holders: readonly PeerName[]): Promise<void> {
  const { cast, tell, signal } = story
  const { ada, bob, box } = cast
  const friend = stranger(cast, ada.peer, holders)
  await addWhileOffline(bob, ada.peer, 'ada')
  await bob.up()
  const watch = await Watch.open(bob.api, signal)
  await tell(
    `  bob starts. Of ada he knows only her PeerId, …${ada.peer.slice(-12)}; of the network only`,
  )
  await tell(`  ${friend.name}, who does not hold ada's bundle.`)
  await bob.api.call('contact.add', { link: linkOf(friend), name: friend.name }, { signal })
  const found = await watch.first(
    'contact.found',
    'bob found the bundle of ada in the DHT',
    ({ contact }) => contact.name === 'ada',
  )
  checkLookup(story, holders, found)
  const met = list(found.met.map((peer) => nameOf(cast, peer)))
  await tell(
    `  Bundle found through the DHT: ${nameOf(cast, found.from)} answered, and the signature is`,
  )
  await tell(`  ada's. When the lookup began, bob had been connected to ${met}, so to no holder.`)
  const hello = await send(story, bob, ada, 'Hello ada, I found you.')
  const { session } = await watch.first(
    'contact.session',
    'bob began a session with ada',
    ({ contact }) => contact.name === 'ada',
  )
  if (!session.oneTime) throw new StoryError('the session has no one-time keys')
  await tell(`  Session class: ${classOf(session)}.`)
  const stored = await watch.first('message.state', 'the mailbox took the message', isStored(hello))
  await tell(`  bob: "Hello ada, I found you." - in mailbox, ${custodyOf(stored)}.`)
  await useMailbox({ member: bob, box, watch, signal })
}

/** Takes a mailbox, and waits until the bundle that names it is in the DHT. */
async function useMailbox({
  member,
  box,
  watch,
  signal,
}: Use): Promise<EventViewOf<'node.published'>> {
  await member.api.call('mailbox.use', { link: box.link }, { signal })
  const { sequence } = (await member.api.call('node.status', {}, { signal })).bundle
  return watch.first(
    'node.published',
    `${member.name} put the bundle with the mailbox into the DHT`,
    (event) => event.sequence >= sequence && event.holders.length > 0,
  )
}

/** Ada returns, reads, and the two talk directly. */
export async function talk(story: Story): Promise<void> {
  const { cast, tell, signal } = story
  const { ada, bob } = cast
  const bobs = await Watch.open(bob.api, signal, 'start')
  await ada.up()
  const adas = await Watch.open(ada.api, signal, 'start')
  await adas.first('message.received', 'ada got the message from her mailbox')
  await tell('  ada is back, and her mailbox hands over what bob wrote.')
  await compareNumbers(story)
  const answer = await send(story, ada, bob, 'Hello bob, good to hear from you.')
  await tell(`  ada: "Hello bob, good to hear from you." - ${await delivered(adas, answer)}.`)
  const question = await send(story, bob, ada, 'Shall we test this thing?')
  await tell(`  bob: "Shall we test this thing?" - ${await delivered(bobs, question)}.`)
  await ada.api.call('message.markRead', { ids: [question] }, { signal })
  await bobs.first('message.state', 'ada told bob that she read it', isState(question, 'read'))
  await tell('  ada reads it, and bob sees: read.')
  await bobs.until('all that bob wrote is delivered', () => allDelivered(bobs))
}

async function compareNumbers({ cast: { ada, bob }, tell, signal }: Story): Promise<void> {
  const numberOf = async (one: Member, other: Member): Promise<string> => {
    const { number } = await one.api.call(
      'contact.safetyNumber',
      { contact: other.peer },
      { signal },
    )
    return number
  }
  const [hers, his] = [await numberOf(ada, bob), await numberOf(bob, ada)]
  await ada.api.call('contact.confirm', { contact: bob.peer, method: 'number', value: his })
  await bob.api.call('contact.confirm', { contact: ada.peer, method: 'number', value: hers })
  await tell(
    `  Both compare their safety number, ${hers.slice(0, 17)} …: equal, so each is verified.`,
  )
}

/** Sends, and writes down that it was accepted. */
export async function send(story: Story, from: Member, to: Member, text: string): Promise<string> {
  const sent = await from.api.call('message.send', { to: to.peer, text }, { signal: story.signal })
  await story.journal.accepted({ id: sent.id, from: from.peer, to: to.peer, text })
  return sent.id
}

/** Whether this is the event that the message reached a state. */
export function isState(id: string, state: StateEvent['to']): (event: StateEvent) => boolean {
  return (event) => event.messageId === id && event.to === state
}

function isStored(id: string): (event: StateEvent) => boolean {
  return isState(id, 'stored')
}

/** How long the mailbox promised to keep it, for people. */
export function custodyOf({ keptUntil }: StateEvent): string {
  return `kept until ${keptUntil === undefined ? '?' : new Date(keptUntil).toISOString().slice(0, 10)}`
}

async function delivered(watch: Watch, id: string): Promise<string> {
  const what = 'the message was delivered'
  const event = await watch.first('message.state', what, isState(id, 'delivered'))
  return event.path === 'direct' ? 'delivered, directly' : 'delivered, by mailbox'
}

function allDelivered(watch: Watch): boolean {
  return [...watch.states.values()].every(({ to }) => to === 'delivered' || to === 'read')
}

/** What makes it a lookup through the DHT alone. */
function checkLookup(
  story: Story,
  holders: readonly PeerName[],
  found: EventViewOf<'contact.found'>,
): void {
  const { box, ada } = story.cast
  // The mailbox has ada's bundle too, as her mailbox; and so had she.
  const having = [...holders, box.peer, ada.peer]
  if (found.path !== 'dht') throw new StoryError(`the bundle did not come through the DHT`)
  if (!having.includes(found.from)) throw new StoryError('somebody answered who holds nothing')
  const known = found.met.filter((peer) => having.includes(peer))
  if (known.length > 0) {
    const names = list(known.map((peer) => nameOf(story.cast, peer)))
    throw new StoryError(`before the lookup bob had been connected to ${names}, who hold it`)
  }
}

function classOf(session: { readonly oneTime: boolean; readonly postQuantum: boolean }): string {
  const keys = session.oneTime
    ? 'one-time keys (from her mailbox, used once and gone)'
    : 'no one-time keys'
  return `${keys}, ${session.postQuantum ? 'post-quantum (X25519 and ML-KEM-768)' : 'not post-quantum'}`
}

/** The link of a person, as that person would hand it over. */
function linkOf(member: Member): string {
  const address = addressBytes(member.address.replace(/\/p2p\/[^/]+$/, ''))
  return encodeContactLink({ account: accountOf(member.peer), mailboxes: [], addresses: [address] })
}

/** Words with commas and an "and". */
export function list(words: readonly string[]): string {
  const last = words.at(-1)
  if (last === undefined) return 'nobody'
  return words.length === 1 ? last : `${words.slice(0, -1).join(', ')} and ${last}`
}
