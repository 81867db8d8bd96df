// What must hold when everything works again and there was time.
import type { Message } from '../../node/api.ts'
import type { Person } from './people.ts'
import type { Attempt } from './watch.ts'
import type { World } from './world.ts'

/** Timers of one process that has nothing to do: its rounds, and one for each connection. */
const MAX_TIMERS = 60

/** Pauses in which all that is stored can be read. */
const LOOKS = 200

/** Open channels of one peer that has nothing to do. */
const MAX_CONNECTIONS = 20

/** What does not hold. */
export async function problemsAtTheEnd(world: World): Promise<readonly string[]> {
  const looked = lookAtAll(world)
  let problems: readonly string[] | undefined
  looked.then(
    (found) => (problems = found),
    () => undefined, // for whoever awaits it below
  )
  for (let step = 0; problems === undefined && step < LOOKS; step++) await world.clock.advance(20)
  if (problems !== undefined) return problems
  const stuck = Promise.resolve(['what the nodes have stored cannot be read to its end'])
  return Promise.race([looked, stuck])
}

async function lookAtAll(world: World): Promise<readonly string[]> {
  const found: string[] = []
  for (const person of world.people) {
    found.push(...(await problemsOfNumbers(person)))
    found.push(...problemsOfSize(world, person))
    for (const other of world.people) {
      if (person !== other) found.push(...(await problemsBetween(world, person, other)))
    }
  }
  for (const mailbox of world.mailboxes) {
    const { accepted, removed, waiting, damaged } = await mailbox.service.status()
    const [of, gone] = [`${mailbox.name} accepted ${accepted}`, `${removed} are gone`]
    if (accepted !== removed + waiting) found.push(`${of}, ${gone} and ${waiting} wait`)
    if (waiting > 0) found.push(`${mailbox.name} still holds ${waiting}`)
    if (damaged > 0) found.push(`${mailbox.name} found ${damaged} records damaged`)
  }
  return found
}

async function problemsBetween(world: World, from: Person, to: Person): Promise<readonly string[]> {
  const attempts = world.watch.attempts.filter((one) => one.from === from && one.to === to)
  const told = (await received(to)).filter(
    ({ contact }) => to.node.contacts.get(contact).peer === from.peer,
  )
  const texts = told.map(({ text }) => text)
  const listed = await listedTexts(to, from)
  const { queued } = from.node.contacts.get(to.peer)
  const failed = await failedIds(from, to)
  const always: readonly (readonly [boolean, string])[] = [
    [new Set(texts).size < texts.length, `shown twice: ${texts.join()}`],
    [queued > 0, `${queued} still queued`],
  ]
  const wrong: readonly (readonly [boolean, string])[] = [
    [
      listed.toSorted().join() !== texts.toSorted().join(),
      `listed ${listed.join()}, told ${texts.join()}`,
    ],
    [isOutOfOrder(listed), `out of order: ${listed.join()}`],
    ...attempts
      .filter((one) => isLost(one, texts, failed))
      .map(({ text }) => [true, `lost: ${text}`] as const),
    ...attempts
      .filter(({ id, text }) => id !== undefined && failed.has(id) && texts.includes(text))
      .map(({ text }) => [true, `shown and failed: ${text}`] as const),
  ]
  // Whoever goes back to an older copy has lost what came and went since: it is shown once, or missing.
  const counts = from.isHurt || to.isHurt ? always : [...always, ...wrong]
  return counts.flatMap(([is, what]) => (is ? [`${from.name} to ${to.name}: ${what}`] : []))
}

/** Accepted, and neither shown nor reported as failed. */
function isLost(
  { id, text }: Attempt,
  texts: readonly string[],
  failed: ReadonlySet<string>,
): boolean {
  return id !== undefined && !texts.includes(text) && !failed.has(id)
}

async function failedIds(from: Person, to: Person): Promise<ReadonlySet<string>> {
  const entries = await from.node.messages.list(to.peer)
  return new Set(
    entries.flatMap((entry) =>
      entry.kind === 'text' && entry.direction === 'out' && entry.state === 'failed'
        ? [entry.id]
        : [],
    ),
  )
}

/** What the history shows of the other's messages; a gap is `…`. */
async function listedTexts(person: Person, other: Person): Promise<readonly string[]> {
  const entries = await person.node.messages.list(other.peer)
  return entries.flatMap((entry) =>
    entry.kind !== 'text' ? ['…'] : entry.direction === 'in' ? [entry.text] : [],
  )
}

/** Texts end in the number of their sender's message. */
function isOutOfOrder(listed: readonly string[]): boolean {
  const numbers = listed.map((text) => Number(text.split(' ')[1]))
  return numbers.some((number, at) => number < (numbers[at - 1] ?? -1))
}

/** Events have numbers without holes. */
async function problemsOfNumbers({ name, node, core }: Person): Promise<readonly string[]> {
  const { head } = core.events
  const seqs: number[] = []
  if (head === 0) return []
  for await (const { seq } of node.events({ from: 'start' })) {
    if (seq !== undefined) seqs.push(seq)
    if (seq === head) break
  }
  return seqs.every((seq, at) => seq === at + 1) ? [] : [`${name} has events ${seqs.join()}`]
}

async function received({ node, core }: Person): Promise<readonly Message[]> {
  const messages: Message[] = []
  const { head } = core.events
  if (head === 0) return messages
  for await (const event of node.events({ from: 'start' })) {
    if (event.type === 'message.received') messages.push(event.message)
    if (event.seq === head) break
  }
  return messages
}

/** Nothing has piled up. */
function problemsOfSize(world: World, { name, peer, process, core }: Person): readonly string[] {
  const connections = world.network.find(peer)?.peers().length ?? 0
  const entries = core.book.all().reduce((sum, { outbox }) => sum + outbox.size, 0)
  const sizes: readonly (readonly [string, number, number])[] = [
    ['timers', process.timers, MAX_TIMERS],
    ['connections', connections, MAX_CONNECTIONS],
    ['outbox entries', entries, 2 * core.book.all().length],
  ]
  return sizes.flatMap(([what, is, most]) => (is > most ? [`${name} has ${is} ${what}`] : []))
}
