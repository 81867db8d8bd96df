// The part of the demo in which a node dies while messages arrive.

import type { Crash } from './judge.ts'
import type { Member } from './member.ts'
import { REPLICATION } from './cast.ts'
import { custodyOf, send, type Story } from './chapters.ts'
import { StoryError, Watch, type StateEvent } from './watch.ts'

/** Messages that bob has acknowledged when he is killed, at least. */
const BEFORE_KILL = 60

/** Messages that are sent after he is gone, at least; the burst does not pause for his death. */
const AFTER_KILL = 40

/** A network in which bob is not reached, or not killed, must not make this go on for ever. */
const MOST = 3_000

/** Calls of the local API at once. */
const AT_ONCE = 16

/** Ada sends without a pause, bob is killed in the middle. All that he did not acknowledge goes to his mailbox. */
export async function killInTheMiddle(story: Story): Promise<Omit<Crash, 'backAt'>> {
  const { cast, tell, signal } = story
  const { ada, bob } = cast
  const watch = await Watch.open(ada.api, signal)
  const burst = new Burst(story, watch)
  const since = Date.now()
  const sending = burst.run()
  sending.catch(() => undefined) // awaited below; a failure before that must wait its turn
  await tell('  ada sends messages as fast as she can, one after another.')
  await watch.until('bob acknowledges while more is under way', () => burst.isInTheMiddle)
  // Not now, when some was acknowledged a moment ago, but when ada has taken the next one.
  await Promise.race([burst.nextAccepted(), sending])
  const killedAt = Date.now()
  await bob.kill()
  burst.killed()
  await tell(`  kill -9 for bob, in the middle of it: no goodbye, nothing is saved.`)
  await sending
  await watch.until('the rest is in the mailbox', () => burst.isSettled)
  await tellRest(story, burst)
  return { sender: ada.peer, recipient: bob.peer, since, killedAt }
}

async function tellRest({ tell }: Story, burst: Burst): Promise<void> {
  const { acknowledged, stored, sent } = burst
  const [example] = stored
  if (example === undefined) throw new StoryError('nothing went to the mailbox')
  await tell(
    `  Of ${sent} messages bob had acknowledged ${acknowledged}. The other ${stored.length} are`,
  )
  await tell(`  in mailbox, each with a signed receipt: ${custodyOf(example)}.`)
}

/** Bob starts again, and everything arrives. Returns when that began. */
export async function comeBack({ cast, tell, signal }: Story): Promise<number> {
  const { ada, bob, box } = cast
  const watch = await Watch.open(ada.api, signal)
  const waiting = await undelivered(ada, bob)
  const backAt = Date.now()
  await bob.settle({ bootstrap: [box.address], replication: REPLICATION })
  await bob.up()
  await tell('  bob starts again and fetches what waits for him.')
  await watch.until('all of it is delivered', () => waiting.every((id) => isDone(watch, id)))
  await tell(
    `  The mailbox is drained: all ${waiting.length} are delivered, and ada has bob's word for each.`,
  )
  return backAt
}

function isDone(watch: Watch, id: string): boolean {
  const state = watch.states.get(id)?.to
  return state === 'delivered' || state === 'read'
}

async function undelivered(from: Member, to: Member): Promise<readonly string[]> {
  const ids: string[] = []
  let before: string | undefined
  for (let more = true; more;) {
    const page = await from.api.call('message.list', {
      contact: to.peer,
      ...(before === undefined ? {} : { before }),
    })
    const texts = page.messages.filter((entry) => entry.kind === 'text')
    before = texts[0]?.id
    more = page.more && before !== undefined
    for (const { id, direction, state } of texts) {
      if (direction === 'out' && (state === 'queued' || state === 'stored')) ids.push(id)
    }
  }
  return ids
}

class Burst {
  readonly #story: Story
  readonly #watch: Watch
  readonly #ids = new Set<string>()
  #next = 0
  #sentAtKill: number | undefined
  #onAccepted = (): void => undefined

  constructor(story: Story, watch: Watch) {
    this.#story = story
    this.#watch = watch
  }

  get sent(): number {
    return this.#ids.size
  }

  get acknowledged(): number {
    return this.#inState('delivered').length
  }

  get stored(): readonly StateEvent[] {
    return this.#inState('stored')
  }

  /** Some of it is acknowledged, and some that was accepted is not. */
  get isInTheMiddle(): boolean {
    const { acknowledged } = this
    return acknowledged >= BEFORE_KILL && this.sent > acknowledged
  }

  /** Nothing is on its way any more. */
  get isSettled(): boolean {
    return this.acknowledged + this.stored.length === this.sent
  }

  /** Resolves when the next message was accepted. */
  nextAccepted(): Promise<void> {
    return new Promise((resolve) => (this.#onAccepted = resolve))
  }

  killed(): void {
    this.#sentAtKill = this.sent
  }

  /** Resolves some messages after the kill. */
  async run(): Promise<void> {
    await Promise.all(Array.from({ length: AT_ONCE }, () => this.#sendSome()))
    if (this.#next >= MOST) throw new StoryError('bob did not die in the middle')
  }

  #inState(state: StateEvent['to']): readonly StateEvent[] {
    return [...this.#ids].flatMap((id) => {
      const event = this.#watch.states.get(id)
      return event?.to === state ? [event] : []
    })
  }

  async #sendSome(): Promise<void> {
    const { ada, bob } = this.#story.cast
    while (this.sent < (this.#sentAtKill ?? Infinity) + AFTER_KILL && this.#next < MOST) {
      this.#ids.add(await send(this.#story, ada, bob, `Message ${++this.#next} of the burst.`))
      this.#onAccepted()
    }
  }
}
