// One run: a story from a seed, in which things go wrong; then everything works again and time passes; then what must hold is
// looked at.
import { mayBegin } from '../../node/renewal.ts'
import { Dice } from '../campaign/dice.ts'
import type { Image } from './disk.ts'
import type { Host } from './host.ts'
import type { Fault, FaultCounts } from './faults.ts'
import { problemsAtTheEnd } from './invariants.ts'
import { LIES } from './directory.ts'
import { MAILBOX_LIES } from './lying-store.ts'
import { Person, type StoreState } from './people.ts'
import { World } from './world.ts'

export interface RunReport {
  readonly seed: number
  /** What did not hold; empty when all is well. */
  readonly problems: readonly string[]
  readonly faults: FaultCounts
  /** The same for each run of a seed. */
  readonly trace: string
  /** Messages that `send` was asked for, and those of them that it accepted. */
  readonly asked: number
  readonly accepted: number
  /** Envelopes whose position in a chain was compared. */
  readonly positions: number
  /** Events of the clock. */
  readonly events: number
}

const MINUTE = 60_000
const HOUR = 60 * MINUTE

/**
 * Minutes in which all comes to rest when nothing goes wrong any more: the longest pause of a courier, a quarter of an hour, twice, since
 * a clock that was ahead may add as much; and what it takes then.
 */
const PATIENCE = 35

/** In which a node has heard its mailboxes, where all works. */
const HEARD_WITHIN = 5_000

/** After which somebody begins anew with all contacts. */
const BEGINNINGS: readonly Fault[] = [
  'session damaged',
  'store restored',
  'folder restored',
  'backup restored',
]

/** Pauses between two steps. */
const PAUSES = [0, 3, 20, 100, 400, 1_500, 10_000, 40_000, 10 * MINUTE]

export async function run(seed: number): Promise<RunReport> {
  const dice = new Dice(`story ${seed}`)
  const counts = {
    people: dice.pick([2, 3, 3, 4]),
    mailboxes: dice.pick([0, 1, 1, 2, 2]),
    before: dice.pick([0, 20_000, 20_000, 20_000]),
  }
  const world = await World.create(`${seed}`, counts)
  await new Story(world, dice).tell()
  await world.heal({ cut: dice.onceIn(2) })
  const late = await settle(world)
  const problems = [...world.watch.problems, ...late, ...(await problemsAtTheEnd(world))]
  const { attempts, positionsSeen } = world.watch
  return {
    seed,
    problems,
    faults: world.faults.counts,
    trace: world.trace.digest,
    asked: attempts.length,
    accepted: attempts.filter(({ id }) => id !== undefined).length,
    positions: positionsSeen,
    events: world.clock.ran,
  }
}

/** Waits until nobody waits for anything. That it took too long is a problem; what was lost meanwhile is looked for all the same. */
async function settle(world: World): Promise<readonly string[]> {
  for (let minute = 0; minute < PATIENCE; minute++) {
    if (minute >= 2 && (await world.isQuiet())) return []
    await world.clock.advance(MINUTE)
  }
  const { people } = world
  const waits = people.some((one) => one.isHurt || one.isSetBack || hasUsedUpItsDay(one))
  for (let day = 0; day < 3 && !(await world.isQuiet()); day++) await world.clock.advance(26 * HOUR)
  // What was sealed for a store that went back to an older copy is sealed again a day later.
  if (waits) return []
  return [`after ${PATIENCE} minutes without faults there were messages on their way`]
}

/** Whether somebody wants a handshake with a contact, and has made all of the day. */
function hasUsedUpItsDay({ core }: Person): boolean {
  const now = core.clock.now()
  return core.book
    .all()
    .some(({ contact }) => contact.renewal.wanted !== undefined && !mayBegin(contact, now))
}

/** A host's folder as it was: the database, and what noted beside it how far it was. */
interface Copy {
  readonly database: Image
  readonly notes: readonly (Uint8Array | undefined)[]
  readonly epochs: Uint8Array | undefined
  /** By true time, in Unix ms. */
  readonly madeAt: number
  /** What a person's node said of its store then; nothing of a mailbox, nor where it ended while it opened its database again. */
  readonly state: StoreState | undefined
}

class Story {
  readonly #world: World
  readonly #dice: Dice
  readonly #copies = new Map<Host, Copy>()

  constructor(world: World, dice: Dice) {
    this.#world = world
    this.#dice = dice
  }

  async tell(): Promise<void> {
    const dice = this.#dice
    if (dice.onceIn(3)) this.#setClocksApart()
    if (dice.onceIn(3)) this.#lie() // everybody is looked up at the beginning
    if (dice.onceIn(2)) this.#lieAsMailbox()
    if (dice.onceIn(3)) this.#giveKeysTwice() // sessions begin soon
    // Whoever writes only then finds mailboxes and one-time pairs.
    await this.#world.clock.advance(dice.pick([0, 3_000, 30_000]))
    const troubles = this.#troubles()
    for (let left = 10 + dice.below(30); left > 0; left--) {
      if (troubles.length === 0 || dice.onceIn(2)) this.#talk()
      else await dice.pick(troubles)()
      await this.#world.clock.advance(dice.pick(PAUSES))
    }
  }

  /** What may go wrong in this story: some of all there is, so that each kind is also seen alone. */
  #troubles(): readonly (() => void | Promise<void>)[] {
    const all = [
      () => this.#loss(),
      () => this.#part(),
      () => this.#stall(),
      () => this.#halve(),
      () => this.#slow(),
      () => this.#crash(),
      () => this.#restart(),
      () => this.#doom(),
      () => this.#breakDisk(),
      () => this.#damage(),
      () => this.#jump(),
      () => this.#lie(),
      () => this.#lieAsMailbox(),
      () => this.#restoreMailbox(),
      () => this.#restoreStore(),
      () => this.#restoreFolder(),
      () => this.#restoreBackup(),
    ]
    const share = 1 + this.#dice.below(3)
    const chosen = all.filter(() => this.#dice.below(4) < share)
    return chosen.length === 0 ? [] : [...chosen, () => this.#repair()]
  }

  #talk(): void {
    const from = this.#dice.pick(this.#world.people)
    const to = this.#dice.pick(this.#world.people.filter((person) => person !== from))
    for (let left = 1 + this.#dice.below(4); left > 0; left--) this.#world.send(from, to)
  }

  #happened = (fault: Parameters<World['faults']['happened']>[0]): void =>
    this.#world.faults.happened(fault)

  #loss(): void {
    const { people } = this.#world
    if (this.#dice.onceIn(2)) {
      this.#world.cutOnceIn = this.#dice.pick([5, 20, 100, Number.POSITIVE_INFINITY])
      return
    }
    this.#world.network.disconnect(this.#dice.pick(people).peer, this.#anyHost().peer)
    this.#happened('cut')
  }

  #part(): void {
    const [a, b] = [this.#anyHost(), this.#anyHost()]
    if (a === b) return
    this.#world.network.part(a.peer, b.peer)
    this.#happened('partition')
  }

  #stall(): void {
    const [a, b] = [this.#anyHost(), this.#anyHost()]
    if (a === b) return
    this.#world.network.stall(a.peer, b.peer)
    this.#happened('stall')
    this.#giveUpLater(a, b)
  }

  #halve(): void {
    const [a, b] = [this.#anyHost(), this.#anyHost()]
    if (a === b) return
    this.#world.network.halve(a.peer, b.peer)
    this.#happened('half-open')
    this.#giveUpLater(a, b)
  }

  /** What is below the wire notices a dead connection some time. */
  #giveUpLater(a: Host, b: Host): void {
    const patience = 1_000 + this.#dice.below(120_000)
    this.#world.clock.after(patience, () => this.#world.network.disconnect(a.peer, b.peer))
  }

  #slow(): void {
    this.#world.slowness = this.#dice.pick([2, 40, 1_000, 20_000])
    if (this.#world.slowness > 40) this.#happened('delay')
  }

  #crash(): void {
    const host = this.#anyHost()
    if (!host.isUp) return
    if (this.#world.mailboxes.some((mailbox) => mailbox === host)) this.#happened('mailbox crash')
    this.#world.crash(host, { power: this.#dice.onceIn(2), silent: this.#dice.onceIn(3) })
  }

  /** Somebody ends a program as it should be ended, and starts it again. */
  async #restart(): Promise<void> {
    const host = this.#dice.pick([...this.#world.people, ...this.#world.mailboxes])
    await this.#world.stop(host)
    await this.#world.clock.advance(this.#dice.pick(PAUSES))
    await this.#world.start(host)
  }

  #doom(): void {
    const crash = { power: this.#dice.onceIn(2), silent: false }
    this.#anyHost().doom(this.#dice.below(60), crash)
  }

  #breakDisk(): void {
    const { disk } = this.#anyHost()
    const [fault, name] = this.#dice.pick([
      ['full', 'disk full'],
      ['broken', 'disk broken'],
      ['unsure', 'fsync fails'],
    ] as const)
    disk.fault = fault
    this.#happened(name)
  }

  /** A bit that flips on a disk, in what a session is kept in. */
  async #damage(): Promise<void> {
    if (this.#hasBegunAnew) return
    const person = this.#dice.pick(this.#world.people)
    if (person.isUp) this.#world.crash(person, { power: true, silent: false })
    if (person.disk.damage('session/')) this.#happened('session damaged')
    await this.#world.start(person)
  }

  /** Somebody puts an older copy of a mailbox's folder in its place: what it promised since is forgotten. */
  async #restoreMailbox(): Promise<void> {
    if (this.#world.mailboxes.length === 0) return
    const mailbox = this.#dice.pick(this.#world.mailboxes)
    const copy = this.#copies.get(mailbox)
    if (copy === undefined) return this.#copyAll()
    this.#world.crash(mailbox, { power: true, silent: false })
    mailbox.disk.restore(copy.database)
    mailbox.isHonest = false
    this.#happened('mailbox restored')
    await this.#world.start(mailbox)
  }

  async #copyAll(): Promise<void> {
    await this.#world.untilReadable()
    for (const host of this.#world.hosts) {
      const notes = host.witnesses.map((file) => file.image())
      const isTold = host instanceof Person && !host.disk.isReopening
      const state = isTold ? await host.storeState() : undefined
      const [database, epochs] = [host.disk.image(), host.epochs.image()]
      const madeAt = this.#world.clock.now()
      this.#copies.set(host, { database, notes, epochs, madeAt, state })
    }
  }

  /** Somebody of whom there is a copy stops, for it to come back. Without a copy one is made for later. */
  async #stopToRestore(fault: Fault): Promise<{ person: Person; copy: Copy } | undefined> {
    const person = this.#dice.pick(this.#world.people)
    const copy = this.#copies.get(person)
    if (copy === undefined) {
      await this.#copyAll()
      return undefined
    }
    if (this.#hasBegunAnew) return undefined
    // With a loss of power the newest note beside it could be lost as well, and a copy of the last seconds would not be told from it.
    this.#world.crash(person, { power: false, silent: false })
    person.isHurt = true
    this.#happened(fault)
    return { person, copy }
  }

  /** An older copy of a database comes into its place, without what lies beside it. */
  async #restoreStore(): Promise<void> {
    const stopped = await this.#stopToRestore('store restored')
    if (stopped === undefined) return
    const { person, copy } = stopped
    person.disk.restore(copy.database)
    await this.#world.start(person)
  }

  /**
   * The whole folder comes back as it was: it agrees with itself. A mailbox that has heard of more since tells, before anything is sent
   * that could have been sent before.
   */
  async #restoreFolder(): Promise<void> {
    const stopped = await this.#stopToRestore('folder restored')
    if (stopped === undefined) return
    const { person, copy } = stopped
    person.disk.restore(copy.database)
    for (const [at, file] of person.witnesses.entries()) file.restore(copy.notes[at])
    person.epochs.restore(copy.epochs)
    await this.#world.calm()
    person.isUnaware = !(await this.#world.isKnownBetter(person, copy.state))
    await this.#world.start(person)
    for (const other of this.#world.people) if (other !== person) this.#world.send(person, other)
    await this.#world.clock.advance(HEARD_WITHIN)
    const told = person.core.continuity.last !== undefined
    if (!person.isUnaware && !told) this.#world.watch.problem(`${person.name} was not told better`)
  }

  /** Somebody makes a new folder out of a backup: the account, contacts and history are there, and nothing that sessions are made of. */
  async #restoreBackup(): Promise<void> {
    const stopped = await this.#stopToRestore('backup restored')
    if (stopped === undefined) return
    const { person, copy } = stopped
    await person.restoreBackup(copy.database, copy.madeAt)
    await this.#world.start(person)
  }

  /** Once in a story: a contact who begins anew more often in a day waits for its user. */
  get #hasBegunAnew(): boolean {
    const { counts } = this.#world.faults
    return BEGINNINGS.some((fault) => counts[fault] > 0)
  }

  #jump(): void {
    const far = this.#dice.onceIn(3) ? 5 * 24 * HOUR : 50 * MINUTE
    const host = this.#anyHost()
    host.setClock(host.process.skew + this.#dice.below(2 * far) - far)
    this.#happened('clock jump')
  }

  /** The DHT lies in some ways, or tells the truth again. */
  #lie(): void {
    this.#world.directory.lies = LIES.filter(() => this.#dice.onceIn(3))
  }

  #lieAsMailbox(): void {
    for (const mailbox of this.#world.mailboxes) {
      if (this.#dice.onceIn(3)) continue
      mailbox.lies = MAILBOX_LIES.filter(() => !this.#dice.onceIn(3))
      mailbox.isHonest = false
    }
  }

  #giveKeysTwice(): void {
    for (const mailbox of this.#world.mailboxes) {
      mailbox.lies = [...mailbox.lies, 'hands out a key twice']
      mailbox.isHonest = false
    }
  }

  #setClocksApart(): void {
    for (const host of this.#world.hosts) host.setClock(this.#dice.below(20_000) - 10_000)
    this.#happened('clocks apart')
  }

  /** Somebody looks after the computers. */
  async #repair(): Promise<void> {
    const { people, mailboxes, network } = this.#world
    const host = this.#dice.pick([...people, ...mailboxes])
    host.disk.fault = 'none'
    for (const other of this.#world.hosts) network.join(host.peer, other.peer)
    await this.#world.start(host)
  }

  #anyHost(): Host {
    return this.#dice.pick(this.#world.hosts)
  }
}
