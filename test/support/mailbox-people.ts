// People on a manual clock with mailboxes of their own, whose contacts know of them.
import { decodeMailboxFrame } from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import type { PeerName } from '../../net/ports.ts'
import { peerName } from '../../net/peer-name.ts'
import type { Store } from '../../net/ports.ts'
import type { Account } from '../../protocol/account.ts'
import type { MailboxStore } from '../../mailbox/store.ts'
import type { MailboxService } from '../../mailbox/service.ts'
import { ChatWorld, introduce, type Person } from './chat-world.ts'
import { ManualClock, settle } from './manual-clock.ts'
import type { Fate, FrameInTransit } from './memory-wire.ts'

export const SECOND = 1000
export const MINUTE = 60 * SECOND
export const HOUR = 60 * MINUTE
export const DAY = 24 * HOUR

/** A mailbox that runs, and what a test needs of it. */
export interface Hosted {
  readonly service: MailboxService
  readonly link: string
  readonly peer: PeerName
  readonly account: Account
  readonly store: Store
  readonly box: MailboxStore
}

/** One request that reached a mailbox. */
export interface Asked {
  readonly mailbox: PeerName
  readonly visitor: PeerName
  readonly what: string
}

/** Ada writes to Bob, who has mailboxes. */
export class MailboxPeople {
  readonly clock: ManualClock
  readonly world: ChatWorld
  readonly ada: Person
  readonly bob: Person
  readonly hosts: Hosted[] = []
  /** Requests of strangers, oldest first. */
  readonly asked: Asked[] = []
  /** Decides about what goes to and from a mailbox; everything else is delivered. */
  atMailbox: (transit: FrameInTransit, body: ReturnType<typeof decodeMailboxFrame>) => Fate = () =>
    'deliver'

  private constructor(clock: ManualClock, world: ChatWorld, ada: Person, bob: Person) {
    this.clock = clock
    this.world = world
    this.ada = ada
    this.bob = bob
    world.network.filter = (transit) => this.#look(transit)
  }

  /** Both know each other, have talked, and Ada knows of Bob's `count` mailboxes. */
  static async meet(
    seed: string,
    count: number,
    options: { readonly copies?: number } = {},
  ): Promise<MailboxPeople> {
    const clock = new ManualClock()
    const world = await ChatWorld.create(seed, clock)
    world.copies = options.copies
    const ada = await world.person('ada')
    const bob = await world.person('bob')
    const people = new MailboxPeople(clock, world, ada, bob)
    for (let i = 0; i < count; i++) await people.use(bob, await people.host())
    await introduce(ada, bob)
    await settle()
    await ada.node.conversation('bob').send('hello')
    await clock.advance(SECOND)
    await bob.node.conversation('ada').send('hello, ada')
    await clock.advance(SECOND)
    people.asked.length = 0
    return people
  }

  /** Another mailbox. */
  async host(): Promise<Hosted> {
    const { service, link, store, account, box } = await this.world.mailbox()
    const hosted = { service, link, store, account, box, peer: peerName(account.key) }
    this.hosts.push(hosted)
    return hosted
  }

  /** `person` enrols with a mailbox. */
  async use(person: Person, { link }: Hosted): Promise<void> {
    const used = person.node.mailbox.use(link)
    await this.clock.advance(5 * SECOND)
    await used
  }

  /** Bob's program ends without any clean-up, and his connections with it. */
  away(): void {
    this.world.kill(this.bob)
  }

  async back(): Promise<void> {
    await this.world.restart(this.bob)
    await this.clock.advance(5 * SECOND)
  }

  /** Ada writes; resolves to the id. */
  async send(text: string): Promise<string> {
    return (await this.ada.node.conversation('bob').send(text)).id
  }

  async state(id: string): Promise<string> {
    return (await this.ada.node.messages.get(id)).state
  }

  /** The mailbox at a position. */
  at(index: number): Hosted {
    const host = this.hosts[index]
    if (host === undefined) throw new Error('no such mailbox')
    return host
  }

  /** Envelopes that wait at each mailbox. */
  async waiting(): Promise<readonly number[]> {
    return Promise.all(this.hosts.map(async ({ service }) => (await service.status()).waiting))
  }

  /** A mailbox lets go of all that waits for Bob, as if he had acknowledged it. */
  async drop(index: number): Promise<void> {
    const { box } = this.at(index)
    const { items } = await box.read(this.bob.account.key, 0, { items: 1000, bytes: 2 ** 30 })
    const ids = items.map(({ id }) => id)
    await box.acknowledge(this.bob.account.key, ids)
  }

  /** Cuts a mailbox off from everybody, or brings it back. */
  cut(index: number, off: boolean): void {
    const { peer } = this.at(index)
    for (const person of [this.ada, this.bob]) {
      if (off) this.world.network.part(person.peer, peer)
      else this.world.network.join(person.peer, peer)
    }
  }

  async stop(): Promise<void> {
    await this.ada.node.stop()
    await this.bob.node.stop()
    for (const { service } of this.hosts) await service.stop()
  }

  #look(transit: FrameInTransit): Fate {
    if (transit.protocol !== MAILBOX_PROTOCOL) return 'deliver'
    const message = decodeMailboxFrame(transit.frame)
    const host = this.hosts.find(({ peer }) => peer === transit.to)
    if (host !== undefined && message.body.case !== undefined) {
      this.asked.push({ mailbox: host.peer, visitor: transit.from, what: message.body.case })
    }
    return this.atMailbox(transit, message)
  }
}
