// People, mailboxes and what is between them, all from one seed; and what can be done to them.
import { ready } from '../../protocol/crypto.ts'
import type { PeerName } from '../../net/ports.ts'
import { judgeMark } from '../../net/commit-chain.ts'
import { Dice } from '../campaign/dice.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { SimClock } from './clock.ts'
import { SimDirectory } from './directory.ts'
import { FaultLog } from './faults.ts'
import type { Crash, Host, Surroundings } from './host.ts'
import { Mailbox, Person, type StoreState } from './people.ts'
import { Trace } from './trace.ts'
import { Watch, type Attempt } from './watch.ts'

/** Who holds what is in the DHT; nobody connects to it. */
const HOLDER = '12D3KooWHolder' as PeerName

export class World {
  readonly clock = new SimClock()
  readonly trace = new Trace()
  readonly faults = new FaultLog()
  readonly network: MemoryNetwork
  readonly directory: SimDirectory
  readonly people: Person[] = []
  readonly mailboxes: Mailbox[] = []
  readonly watch: Watch
  /** Slowest journey of a frame, in ms. */
  slowness = 40
  /** One frame in so many loses its connection. */
  cutOnceIn = Number.POSITIVE_INFINITY
  readonly #dice: Dice
  readonly #around: Surroundings
  readonly #count = new Map<Person, number>()

  private constructor(seed: string) {
    const { clock, trace, faults } = this
    this.#dice = new Dice(`${seed} network`)
    this.network = new MemoryNetwork({ clock, delayMs: () => 1 + this.#dice.below(this.slowness) })
    const [people, mailboxes] = [() => this.people, () => this.mailboxes]
    this.watch = new Watch({ clock, trace, people, mailboxes })
    this.network.filter = (transit) => {
      this.watch.frame(transit, this.network.behind(transit.from))
      if (!this.#dice.onceIn(this.cutOnceIn)) return 'deliver'
      this.faults.happened('cut')
      return 'cut'
    }
    const dht = new Dice(`${seed} directory`)
    const directory = new SimDirectory({ clock, faults, dice: dht, holder: HOLDER })
    this.directory = directory
    const onDurable = this.watch.durable.bind(this.watch)
    this.#around = { seed, clock, network: this.network, directory, faults, trace, onDurable }
  }

  /** People who have added each other, `before` ms after they began to use the same mailboxes; all up. */
  static async create(
    seed: string,
    counts: { readonly people: number; readonly mailboxes: number; readonly before: number },
  ): Promise<World> {
    await ready
    const world = new World(seed)
    for (let at = 0; at < counts.mailboxes; at++) {
      world.mailboxes.push(new Mailbox(world.#around, `mailbox${at}`))
    }
    for (let at = 0; at < counts.people; at++) {
      const person = new Person(world.#around, `person${at}`)
      person.onNode = (node) => world.watch.node(person, node)
      world.people.push(person)
    }
    await world.startAll()
    await world.clock.advance(counts.before)
    for (const a of world.people) await world.#settled(a, world.#introduce(a))
    return world
  }

  get hosts(): readonly Host[] {
    return [...this.people, ...this.mailboxes]
  }

  /** Starts whoever is down. */
  async startAll(): Promise<void> {
    for (const host of [...this.mailboxes, ...this.people]) await this.start(host)
  }

  /** Starts somebody who is down. It may crash before it is up. */
  async start(host: Person | Mailbox): Promise<void> {
    if (host.isUp) return
    await this.#settled(host, host.start())
    if (host instanceof Person && host.isUp) this.useMailboxes(host)
  }

  /** Ends a program in order. It may crash before it has ended. */
  async stop(host: Person | Mailbox): Promise<void> {
    if (host.isUp) await this.#settled(host, host.stop())
  }

  /** Lets time pass until something is done, or its host has crashed. Failures are the host's own affair: it will be started again. */
  async #settled(host: Host, work: Promise<void>): Promise<void> {
    let isOver = false
    work.then(
      () => (isOver = true),
      () => {
        isOver = true
        if (host.isUp) host.crash({ power: false, silent: false })
      },
    )
    for (let step = 0; !isOver && (step === 0 || host.isUp); step++) {
      if (step === 10_000) throw new Error(`${host.name} never finished`)
      await this.clock.advance(20)
    }
  }

  async #introduce(person: Person): Promise<void> {
    for (const other of this.people) {
      if (other === person || person.core.book.byAccount(other.account.key) !== undefined) continue
      await person.node.contacts.add(other.peer, { name: other.name })
    }
  }

  /** Everybody uses all mailboxes, as soon as these can be reached. */
  useMailboxes({ node, peer }: Person): void {
    const used = new Set(node.mailbox.list().map((mailbox) => mailbox.peer))
    for (const mailbox of this.mailboxes) {
      if (used.has(mailbox.peer) || mailbox.peer === peer) continue
      node.mailbox.use(mailbox.link).catch(() => undefined) // `heal` comes back to it
    }
  }

  /** Asks for a message to be sent, and does not wait for it: what follows may hit it half-way. */
  send(from: Person, to: Person): void {
    if (!from.isUp || from.core.book.byAccount(to.account.key) === undefined) return
    const count = this.#count.get(from) ?? 0
    this.#count.set(from, count + 1)
    const attempt: Attempt = { from, to, text: `${from.name} ${count}`, id: undefined }
    this.watch.attempts.push(attempt)
    const { process } = from
    from.node
      .conversation(to.peer)
      .send(attempt.text)
      .then(
        ({ id }) => {
          if (process.alive) this.watch.accepted(attempt, id)
        },
        () => undefined,
      )
  }

  crash(host: Host, crash: Crash): void {
    host.crash(crash)
    if (crash.silent) this.#noticeSoon(host)
  }

  /** After a silence the others give up what is left of their connections. */
  #noticeSoon({ peer }: Host): void {
    this.clock.after(10_000 + this.#dice.below(100_000), () => {
      for (const other of this.hosts) this.network.disconnect(other.peer, peer)
    })
  }

  /** Nothing is broken any more between those who are there, and the mailboxes are up. What they do on purpose, they do. */
  async calm({ cut = false }: { readonly cut?: boolean } = {}): Promise<void> {
    this.cutOnceIn = Number.POSITIVE_INFINITY
    this.slowness = 40
    for (const a of this.hosts) {
      a.disk.fault = 'none'
      a.process.doom(Number.POSITIVE_INFINITY, () => undefined)
      for (const b of this.hosts) {
        if (a === b) continue
        this.network.join(a.peer, b.peer)
        if (cut) this.network.disconnect(a.peer, b.peer)
      }
    }
    for (const mailbox of this.mailboxes) await this.start(mailbox)
  }

  /** Lets time pass until no running program opens its database again. */
  async untilReadable(): Promise<void> {
    while (this.hosts.some(({ isUp, disk }) => isUp && disk.isReopening)) {
      await this.clock.advance(20)
    }
  }

  /** Whether a mailbox that somebody used has heard of more than the store had then. */
  async isKnownBetter(person: Person, then: StoreState | undefined): Promise<boolean> {
    if (then === undefined) return false
    await this.untilReadable()
    const used = this.mailboxes.filter(({ peer }) => then.mailboxes.includes(peer))
    const marks = await Promise.all(used.map((mailbox) => mailbox.markOf(person)))
    return marks.some((mark) => mark !== undefined && judgeMark(then.chain, mark) !== undefined)
  }

  /**
   * Nothing goes wrong from now on, and everybody is up. Nobody is told: where connections are not cut on purpose, those that were lost
   * come back when somebody tries again.
   */
  async heal({ cut }: { readonly cut: boolean }): Promise<void> {
    this.directory.lies = []
    for (const mailbox of this.mailboxes) mailbox.lies = []
    for (const host of this.hosts) host.setClock(0)
    await this.calm({ cut })
    await this.startAll()
    for (const person of this.people) {
      await this.#settled(person, this.#introduce(person))
      this.useMailboxes(person)
    }
  }

  /** Whether nobody waits for anything. */
  async isQuiet(): Promise<boolean> {
    if (this.people.some(({ core }) => core.book.all().some(({ queued }) => queued > 0)))
      return false
    await this.untilReadable()
    const all = await Promise.all(this.mailboxes.map(({ service }) => service.status()))
    return all.every(({ waiting }) => waiting === 0)
  }
}
