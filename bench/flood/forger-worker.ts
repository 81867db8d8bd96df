/** All forgers in one process, each with a connection of its own. */
import { setTimeout as wait } from 'node:timers/promises'
import { accountOf } from '../../net/peer-name.ts'
import { ready } from '../../protocol/crypto.ts'
import { takeOrders } from '../orders.ts'
import { newPerson } from '../people.ts'
import { forgeriesOf } from './forgeries.ts'
import { bundleOf, connect, Forger, type Tally } from './forger.ts'
import type { ForgerOrder, Refusals, Target } from './orders.ts'

/** Milliseconds between the bursts of a flood. */
const TICK = 20

/** How long the last answers are waited for. */
const ANSWERED_WITHIN = 10_000

const tally: Tally = {
  sent: 0,
  cannotOpen: 0,
  notAllowed: 0,
  tryLater: 0,
  taken: 0,
  unanswered: 0,
}
const forgers: Forger[] = []
let flooding: AbortController | undefined
let flood: Promise<number> | undefined

takeOrders(async (order: ForgerOrder) => {
  if ('start' in order) return start(order.start, order.identities)
  if ('stop' in order) return stop()
  flooding = new AbortController()
  flood = run(order.flood, flooding.signal)
  return undefined
})

async function start(target: Target, identities: number): Promise<undefined> {
  await ready
  const people = Array.from({ length: identities }, () => newPerson())
  let bundle: Uint8Array | undefined
  for (const [index, person] of people.entries()) {
    const connection = await connect(person.account, target)
    bundle ??= await bundleOf(connection)
    const forge = forgeriesOf(person, { account: accountOf(target.peer), bundle }, index)
    forgers.push(await Forger.start(connection, forge, tally))
  }
}

/** Each in its turn; returns the seconds that it went on. */
async function run(perSecond: number, signal: AbortSignal): Promise<number> {
  const began = performance.now()
  const seconds = (): number => (performance.now() - began) / 1000
  for (let sent = 0; !signal.aborted; await wait(TICK)) {
    for (const due = Math.floor(seconds() * perSecond); sent < due; sent++) {
      forgers[sent % forgers.length]?.send()
    }
  }
  return seconds()
}

async function stop(): Promise<Refusals> {
  flooding?.abort()
  const seconds = (await flood) ?? 0
  const until = performance.now() + ANSWERED_WITHIN
  while (waiting() > 0 && performance.now() < until) await wait(TICK)
  const counts = { ...tally, seconds, unanswered: tally.unanswered + waiting() }
  for (const name of Object.keys(tally) as (keyof Tally)[]) tally[name] = 0
  return counts
}

function waiting(): number {
  return forgers.reduce((total, forger) => total + forger.waiting, 0)
}
