// People who cannot reach each other by themselves: they write, restart, begin sessions anew, lose sessions, go back to a
// backup, and now and then an envelope arrives, in any order, more than once or never. Then the network comes back, and
// what must be true in the end is asked for. Which ratchet positions were used is watched by the test (`seal`, `diverge`).

import fc from 'fast-check'
import { toHex } from '../../protocol/bytes.ts'
import { sendingSession } from '../../protocol/sessions.ts'
import type { Conversation } from '../../node/conversation.ts'
import { wantRenewal } from '../../node/renewal.ts'
import { ChatWorld, conversation, envelopes, introduce, type Person } from './chat-world.ts'
import { agreeToFreshStarts, Ledger } from './ledger.ts'
import { ManualClock, settle } from './manual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE

export type Happening =
  | { readonly kind: 'restart' | 'save' | 'restore'; readonly who: number }
  | {
      readonly kind: 'send' | 'renew' | 'forget' | 'meet'
      readonly who: number
      readonly to: number
    }
  | { readonly kind: 'arrive'; readonly who: number; readonly to: number; readonly pick: number }

/** What may happen among so many people; `restores`: also that somebody goes back to a backup. */
export function happenings(people: number, restores: boolean): fc.Arbitrary<Happening[]> {
  const who = fc.nat(people - 1)
  const pair = fc
    .tuple(who, fc.integer({ min: 1, max: people - 1 }))
    .map(([one, further]) => ({ who: one, to: (one + further) % people }))
  const between = (...kinds: ('send' | 'renew' | 'forget' | 'meet')[]) =>
    fc.tuple(fc.constantFrom(...kinds), pair).map(([kind, both]) => ({ kind, ...both }))
  const alone = (...kinds: ('restart' | 'save' | 'restore')[]) =>
    fc.tuple(fc.constantFrom(...kinds), who).map(([kind, one]) => ({ kind, who: one }))
  const arrive = fc
    .tuple(pair, fc.nat(99))
    .map(([both, pick]) => ({ kind: 'arrive' as const, ...both, pick }))
  const happening: fc.Arbitrary<Happening> = fc.oneof(
    { weight: 6, arbitrary: between('send') },
    { weight: 6, arbitrary: arrive },
    { weight: 1, arbitrary: alone('restart') },
    { weight: 3, arbitrary: between('renew', 'forget', 'meet') },
    ...(restores ? [{ weight: 2, arbitrary: alone('save', 'restore') }] : []),
  )
  return fc.array(happening, { minLength: 4, maxLength: 10 * people })
}

class Member extends Ledger {
  /** Why sessions were replaced. */
  readonly told: string[] = []
  /** Ephemeral keys of sessions that others began: now held, and gone since the last restore. */
  held = new Set<string>()
  gone = new Set<string>()

  listen(): void {
    this.person.node.on('contact.renewal', ({ reason }) => this.told.push(reason))
  }
}

export class Group {
  readonly clock: ManualClock
  readonly world: ChatWorld
  readonly members: readonly Member[]
  readonly problems: string[] = []
  /** Every envelope that was ever made, by its maker and whom it is for. */
  readonly #made = new Map<string, Map<string, Uint8Array>>()
  #count = 0

  private constructor(clock: ManualClock, world: ChatWorld, people: readonly Person[]) {
    this.clock = clock
    this.world = world
    this.members = people.map((person) => new Member(person))
    for (const member of this.members) member.listen()
  }

  static async create(count: number): Promise<Group> {
    const clock = new ManualClock()
    const world = await ChatWorld.create('healing model', clock)
    const people: Person[] = []
    for (let at = 0; at < count; at++) people.push(await world.person(`person${at}`))
    const group = new Group(clock, world, people)
    for (const [one, other] of group.#pairs()) await introduce(one.person, other.person)
    await settle()
    for (const [one, other] of group.#pairs())
      world.network.part(one.person.peer, other.person.peer)
    return group
  }

  get anyRestored(): boolean {
    return this.members.some(({ restored }) => restored)
  }

  async run(happening: Happening): Promise<void> {
    const member = this.#member(happening.who)
    if ('to' in happening) await this.#between(happening, member, this.#member(happening.to))
    else await this.#alone(happening.kind, member)
    await this.clock.advance(MINUTE)
    this.#collect()
  }

  async #alone(kind: 'restart' | 'save' | 'restore', member: Member): Promise<void> {
    if (kind === 'save') return member.save(this.world)
    if (kind === 'restart') await this.world.restart(member.person)
    else if (!(await member.restore(this.world))) return
    else member.held = member.gone = new Set()
    member.listen()
  }

  async #between(
    happening: Extract<Happening, { readonly to: number }>,
    member: Member,
    other: Member,
  ): Promise<void> {
    const { network } = this.world
    switch (happening.kind) {
      case 'send': {
        const text = `${this.#count++}`
        await member.person.node.conversation(other.person.peer).send(text)
        member.accept(text, other.person)
        return
      }
      case 'renew':
        await this.conversation(member, other).step((draft) => {
          wantRenewal(draft, 'age', sendingSession(draft.sessions, draft.contact.handshakes))
        })
        return
      case 'forget':
        await this.conversation(member, other).step((draft) => {
          draft.sessions = []
        })
        return
      case 'meet':
        network.join(member.person.peer, other.person.peer)
        await this.clock.advance(MINUTE)
        network.part(member.person.peer, other.person.peer)
        return
      case 'arrive': {
        const all = [...(this.#made.get(`${happening.to} ${happening.who}`)?.values() ?? [])]
        const envelope = all[happening.pick % Math.max(all.length, 1)]
        if (envelope === undefined) return
        await member.person.core.inbox.fromPeer(other.person.account.key, [envelope])
      }
    }
  }

  /** The network is there, and time goes by. */
  async calm(): Promise<void> {
    for (const [one, other] of this.#pairs()) {
      this.world.network.join(one.person.peer, other.person.peer)
    }
    await this.#days(2)
  }

  /** Whether something that was accepted still waits. */
  #waits(): boolean {
    return this.members.some(({ person }) =>
      person.core.book.all().some(({ queued }) => queued > 0),
    )
  }

  /**
   * Who waits although there was time is told that a contact started afresh, again and again perhaps, and agrees after a look at
   * the safety number.
   */
  async agree(): Promise<void> {
    for (let day = 0; day < 2 && this.#waits(); day++) await this.#days(1)
    for (const { person } of this.members) await agreeToFreshStarts(person)
    for (let day = 0; day < 2 && this.#waits(); day++) await this.#days(1)
  }

  async #days(count: number): Promise<void> {
    for (let day = 0; day < count; day++) {
      await this.clock.advance(26 * HOUR)
      this.#collect()
    }
  }

  /** Two round trips of everybody with everybody. */
  async exchange(): Promise<void> {
    for (let round = 0; round < 2; round++) {
      for (const who of this.members.keys()) {
        for (const to of this.members.keys())
          if (to !== who) await this.run({ kind: 'send', who, to })
      }
    }
  }

  /** Whether both sides of each pair send in the same session. */
  inOneSession(): boolean {
    return this.#pairs().every(([one, other]) => {
      const ours = sendingId(this.conversation(one, other))
      return ours !== '' && ours === sendingId(this.conversation(other, one))
    })
  }

  /** After two round trips; where somebody went back in time, after the pauses of replacements as well. */
  async converges(): Promise<boolean> {
    await this.exchange()
    for (let round = 0; round < 3 && this.anyRestored && !this.inOneSession(); round++) {
      await this.#days(1)
      await this.exchange()
    }
    return this.inOneSession()
  }

  /** What is wrong in the end, when everything that was accepted has had time to arrive. */
  async check(): Promise<readonly string[]> {
    for (const sender of this.members) {
      for (const recipient of this.members) {
        if (sender === recipient) continue
        this.problems.push(...(await sender.problemsWith(recipient)))
      }
    }
    for (const one of this.members) await this.#checkOrder(one)
    return this.problems
  }

  async #checkOrder(reader: Member): Promise<void> {
    for (const sender of this.members) {
      if (sender === reader || sender.restored) continue // who went back counts again from there
      const listed = (await reader.person.node.messages.list(sender.person.peer)).flatMap(
        (entry) => (entry.kind === 'text' && entry.direction === 'in' ? [Number(entry.text)] : []),
      )
      const sorted = listed.toSorted((a, b) => a - b)
      if (listed.join() !== sorted.join()) this.problems.push(`out of order: ${listed.join()}`)
    }
  }

  async stop(): Promise<void> {
    for (const { person } of this.members) await person.node.stop()
  }

  conversation(one: Member, other: Member): Conversation {
    return conversation(one.person, other.person)
  }

  #member(at: number): Member {
    const member = this.members[at]
    if (member === undefined) throw new Error('nobody')
    return member
  }

  #pairs(): readonly (readonly [Member, Member])[] {
    return this.members.flatMap((one, at) =>
      this.members.slice(at + 1).map((other) => [one, other] as const),
    )
  }

  #collect(): void {
    for (const [who, member] of this.members.entries()) {
      for (const [to, other] of this.members.entries()) {
        if (who === to) continue
        const made = this.#made.get(`${who} ${to}`) ?? new Map<string, Uint8Array>()
        for (const envelope of envelopes(member.person, other.person)) {
          made.set(toHex(envelope), envelope)
        }
        this.#made.set(`${who} ${to}`, made)
      }
      this.#watchSessions(member)
    }
  }

  /** A first message whose session is gone must never make another one. */
  #watchSessions(member: Member): void {
    const now = new Set(
      member.person.core.book
        .all()
        .flatMap(({ sessions }) => sessions)
        .filter(({ handshake }) => handshake.by === 'theirs')
        .map(({ ephemeralKey }) => toHex(ephemeralKey)),
    )
    for (const key of now) if (member.gone.has(key)) this.problems.push('a second session')
    for (const key of member.held) if (!now.has(key)) member.gone.add(key)
    member.held = now
  }
}

function sendingId({ sessions, contact }: Conversation): string {
  const session = sendingSession(sessions, contact.handshakes)
  return session === undefined ? '' : toHex(session.id)
}
