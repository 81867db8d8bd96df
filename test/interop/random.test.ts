import { expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { DAY } from '../support/people.ts'
import { seededRandom } from '../support/random.ts'
import { acquainted } from './support.ts'

await ready

const MESSAGES = 400

interface InFlight {
  readonly to: 'ours' | 'theirs'
  readonly text: string
  readonly envelope: Uint8Array
}

/** A number below `limit` each time. */
function dice(seed: string): (limit: number) => number {
  const random = seededRandom(`dice ${seed}`)
  return (limit) => random(4).reduce((sum, byte) => sum * 256 + byte, 0) % limit
}

test.each([
  { seed: 'a', by: 'ours' },
  { seed: 'b', by: 'theirs' },
  { seed: 'c', by: 'ours' },
] as const)('hundreds of messages with losses and in any order, $seed', ({ seed, by }) => {
  const { ours, theirs } = acquainted(by)
  const throwDice = dice(seed)
  const wire: InFlight[] = []
  const arrived = { ours: [] as string[], theirs: [] as string[] }
  for (const side of [ours, theirs]) side.inbox.length = 0

  const deliver = (at: number): void => {
    const [message] = wire.splice(at, 1)
    if (message === undefined) return
    const { to, text, envelope } = message
    const receive = (): string =>
      to === 'ours' ? ours.receive(envelope) : theirs.receive(envelope)
    expect(receive(), `${to} ${text}`).toBe('opened')
    arrived[to].push(text)
    if (throwDice(5) === 0) expect(receive()).toBe('ERR_DUPLICATE')
  }

  for (let i = 0; i < MESSAGES; i += 1) {
    const text = `message ${i} ${'.'.repeat(throwDice(400))}`
    const fromOurs = throwDice(2) === 0
    const envelope = fromOurs ? ours.send(undefined, text) : theirs.send(ours, text)
    const lost = throwDice(8) === 0
    if (!lost) wire.push({ to: fromOurs ? 'theirs' : 'ours', text, envelope })
    while (wire.length > throwDice(30)) deliver(throwDice(wire.length))
    if (throwDice(40) === 0) ours.restart()
    for (const side of [ours, theirs]) side.now += throwDice(DAY / 100)
  }
  while (wire.length > 0) deliver(throwDice(wire.length))

  expect(ours.inbox).toEqual(arrived.ours)
  expect(theirs.inbox).toEqual(arrived.theirs)
  expect(ours.session.postQuantum.epoch.number).toBeGreaterThanOrEqual(3)
  expect([...ours.reports, ...theirs.reports]).toEqual([])
  expect(arrived.ours.length + arrived.theirs.length).toBeGreaterThan(MESSAGES * 0.8)
})
