// Three people and two mailboxes; they write, block, replace tokens, lose each other and crash. No token is ever shown anywhere but
// at its mailbox and by its contact, and in the end each mailbox knows what is issued, and each contact has what is issued to it.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { deliveryTokenBytes, deliveryTokenHash } from '../../protocol/delivery-token.ts'
import { decodeMailboxFrame } from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { accountOf, peerName } from '../../net/peer-name.ts'
import type { PeerName } from '../../net/ports.ts'
import { slotsOf, type IssuedToken } from '../../node/issued-tokens.ts'
import { ChatWorld, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const HOUR = 3_600_000
const PEOPLE = 3
const who = fc.integer({ min: 0, max: PEOPLE - 1 })
const pair = fc
  .tuple(who, fc.integer({ min: 1, max: PEOPLE - 1 }))
  .map(([a, further]) => ({ a, b: (a + further) % PEOPLE }))

type Step =
  | {
      readonly do: 'send' | 'part' | 'join' | 'block' | 'unblock'
      readonly a: number
      readonly b: number
    }
  | { readonly do: 'restart' | 'rotate'; readonly who: number }
  | { readonly do: 'wait'; readonly ms: number }

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: pair.map((both): Step => ({ do: 'send', ...both })),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom('part', 'join', 'block', 'unblock'), pair)
      .map(([name, both]): Step => ({ do: name, ...both })),
  },
  {
    weight: 3,
    arbitrary: fc
      .tuple(fc.constantFrom('restart', 'rotate'), who)
      .map(([name, one]): Step => ({ do: name, who: one })),
  },
  {
    weight: 3,
    arbitrary: fc
      .constantFrom(0, 100, 2_000, 60_000, HOUR, 26 * HOUR)
      .map((ms): Step => ({ do: 'wait', ms })),
  },
)

/** Whom a token was issued to, by whom, for which mailbox. */
type Issue = `${PeerName} to ${PeerName} at ${PeerName}`

class Model {
  readonly clock = new ManualClock()
  readonly people: Person[] = []
  readonly #issues = new Map<string, Issue>()
  /** The hashes and slots of the list that an owner gave a mailbox last. */
  readonly #lists = new Map<string, readonly string[]>()
  readonly problems: string[] = []
  #world: ChatWorld | undefined

  async begin(seed: number): Promise<ChatWorld> {
    const world = (this.#world = await ChatWorld.create(`tokens ${seed}`, this.clock))
    for (let at = 0; at < PEOPLE; at++) this.people.push(await world.person(`person${at}`))
    world.network.filter = ({ from, to, protocol, frame }) => {
      this.#look()
      if (protocol === MAILBOX_PROTOCOL) this.#watch(world, from, to, frame)
      return 'deliver'
    }
    for (const a of this.people) {
      for (const b of this.people) if (a !== b) await a.node.contacts.add(b.peer, { name: b.name })
    }
    const links = [(await world.mailbox()).link, (await world.mailbox()).link]
    for (const [at, link] of [
      [0, links[0]],
      [0, links[1]],
      [1, links[1]],
    ] as const) {
      const used = this.person(at).node.mailbox.use(link ?? '')
      await settle()
      await this.clock.advance(2_000)
      await used
    }
    return world
  }

  person(at: number): Person {
    const person = this.people[at]
    if (person === undefined) throw new Error('nobody')
    return person
  }

  /** Notes everything that is issued. */
  #look(): void {
    for (const { owner, to, issued } of this.#issued()) {
      for (const token of [issued.token, ...(issued.previous ? [issued.previous.token] : [])]) {
        const at = peerName(issued.mailbox)
        this.#issues.set(toHex(deliveryTokenBytes(token)), `${owner.peer} to ${to} at ${at}`)
      }
    }
  }

  *#issued(): Iterable<{
    readonly owner: Person
    readonly to: PeerName
    readonly issued: IssuedToken
  }> {
    for (const owner of this.people) {
      for (const { contact } of owner.core.book.all()) {
        for (const issued of contact.tokens) yield { owner, to: contact.peer, issued }
      }
    }
  }

  #watch(world: ChatWorld, from: PeerName, to: PeerName, frame: Uint8Array): void {
    const { body } = decodeMailboxFrame(frame)
    if (body.case === 'putTokens') {
      const list = body.value.tokens.map(({ slot, hash }) => `${slot} ${toHex(hash)}`)
      this.#lists.set(`${from} at ${to}`, list)
    }
    if (body.case !== 'deposit' && body.case !== 'takePrekey') return
    const { token, owner } = body.value
    if (token.length === 0) return
    const shown = `${peerName(accountOfBytes(owner))} to ${world.network.behind(from)} at ${to}`
    const issue = this.#issues.get(toHex(token))
    if (issue !== shown) this.problems.push(`issued ${issue}, shown ${shown}`)
  }

  async run(one: Step): Promise<void> {
    const world = this.#world
    if (world === undefined) return
    switch (one.do) {
      case 'send':
        await this.person(one.a)
          .node.conversation(this.person(one.b).peer)
          .send('hello')
          .catch(() => undefined) // blocked
        return
      case 'part':
        return world.network.part(this.person(one.a).peer, this.person(one.b).peer)
      case 'join':
        return world.network.join(this.person(one.a).peer, this.person(one.b).peer)
      case 'block':
        await this.person(one.a).node.contacts.block(this.person(one.b).peer)
        return
      case 'unblock':
        await this.person(one.a).node.contacts.unblock(this.person(one.b).peer)
        return
      case 'restart':
        return world.restart(this.person(one.who))
      case 'rotate':
        return this.person(one.who).node.rotateKeys()
      case 'wait':
        await settle(3)
        await this.clock.advance(one.ms)
    }
  }

  /** Everybody can reach everybody, and says something to those who are not blocked on either side. */
  async heal(world: ChatWorld): Promise<void> {
    for (const a of this.people) {
      for (const b of this.people) if (a !== b) world.network.join(a.peer, b.peer)
    }
    for (const [a, b] of this.#friends()) {
      await a.node.conversation(b.peer).send('in the end')
    }
    for (let minute = 0; minute < 240 && this.differences().length > 0; minute++) {
      await this.clock.advance(60_000)
    }
  }

  *#friends(): Iterable<readonly [Person, Person]> {
    for (const a of this.people) {
      for (const b of this.people) {
        if (a !== b && !blocks(a, b) && !blocks(b, a)) yield [a, b]
      }
    }
  }

  /** What is not as it should be in the end. */
  differences(): readonly string[] {
    const lists = new Map<string, string[]>([...this.#lists.keys()].map((name) => [name, []]))
    const wrong: string[] = []
    for (const { owner, to, issued } of this.#issued()) {
      if (owner.node.contacts.get(to).state === 'blocked') wrong.push(`${to} is blocked`)
      const slots = slotsOf(issued).map(({ slot, hash }) => `${slot} ${toHex(hash)}`)
      lists.get(`${owner.peer} at ${peerName(issued.mailbox)}`)?.push(...slots)
    }
    for (const [name, slots] of lists) {
      const known = this.#lists.get(name)?.toSorted().join()
      if (known !== slots.toSorted().join()) wrong.push(`the list of ${name}`)
    }
    for (const [owner, contact] of this.#friends()) {
      const issued = tokensOf(owner, contact).map(({ token }) => toHex(deliveryTokenHash(token)))
      const { theirTokens } = stateOf(contact, owner)
      const held = theirTokens.tokens.map(({ token }) => toHex(deliveryTokenHash(token)))
      if (issued.length !== owner.core.ownMailboxes.accounts.length) wrong.push('not issued')
      if (issued.toSorted().join() !== held.toSorted().join()) {
        wrong.push(`${contact.name} has not what ${owner.name} has issued`)
      }
    }
    return wrong
  }

  async end(): Promise<void> {
    await Promise.all(this.people.map(({ node }) => node.stop()))
  }
}

function accountOfBytes(owner: Uint8Array): Parameters<typeof peerName>[0] {
  return accountOf(peerName(owner as Parameters<typeof peerName>[0]))
}

function stateOf(person: Person, other: Person) {
  const conversation = person.core.book.byAccount(other.account.key)
  if (conversation === undefined) throw new Error('nobody')
  return conversation.contact
}

function tokensOf(owner: Person, contact: Person): readonly IssuedToken[] {
  return stateOf(owner, contact).tokens
}

function blocks(a: Person, b: Person): boolean {
  return stateOf(a, b).state === 'blocked'
}

const RUNS = process.env['SLOW'] === '1' ? 200 : 10

test('a token goes to its mailbox and its contact only, and in the end everybody has what is issued', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { minLength: 5, maxLength: 40 }),
      fc.nat(),
      async (steps, seed) => {
        const model = new Model()
        const world = await model.begin(seed)
        for (const one of steps) await model.run(one)
        await model.heal(world)
        expect(model.problems).toEqual([])
        expect(model.differences()).toEqual([])
        await model.end()
      },
    ),
    { numRuns: RUNS },
  )
}, 3_600_000)
