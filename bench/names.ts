/**
 * What a name to be thrown away costs beside the one that a node has anyway: time until a mailbox has answered, and memory for
 * as long as it is connected. What is dialled runs in a process of its own.
 */
import { peerIdFromString } from '@libp2p/peer-id'
import { systemClock } from '../net/platform/clock.ts'
import { platformRandom } from '../net/platform/random.ts'
import { throwAwayWires } from '../net/platform/throw-away.ts'
import type { ThrowAwayWire, ThrowAwayWires } from '../net/ports.ts'
import { Child } from './child.ts'
import { ask, type Echo, type Memory } from './names/echo.ts'
import { startNode } from './names/node.ts'
import { median } from './statistics.ts'
import type { Bench } from './rounds.ts'

const TIMES = 20

/** Starts the process that is dialled, and a named node. */
export async function namesBench(): Promise<Bench> {
  const child = Child.start<object>(new URL('names/host.ts', import.meta.url))
  const echo = await child.ask<Echo>({})
  const named = await startNode([], systemClock)
  const wires = throwAwayWires({ clock: systemClock, random: platformRandom })
  let memory: Memory = { resident: 0, held: 0 }
  const value = (run: () => Promise<number> | number) => async () => run()
  const of = { subject: 'throw-away' } as const
  return {
    cases: [
      { ...of, job: 'make', unit: 'ms', run: () => medianOf(() => making(wires)) },
      {
        ...of,
        job: 'first-answer',
        unit: 'ms',
        run: () => medianOf(() => visiting(wires, echo)),
      },
      {
        job: 'first-answer',
        subject: 'named',
        unit: 'ms',
        run: () =>
          medianOf(async () => {
            const ms = await timed(() => ask(named.wire, echo))
            await named.node.hangUp(peerIdFromString(echo.peer))
            return ms
          }),
      },
      {
        ...of,
        job: 'memory',
        unit: 'MiB',
        run: value(async () => {
          memory = await memoryOf(echo)
          return memory.resident
        }),
      },
      { ...of, job: 'held', unit: 'MiB', run: value(() => memory.held) },
    ],
    end: async () => {
      await named.node.stop()
      child.end()
    },
  }
}

async function making(wires: ThrowAwayWires): Promise<number> {
  let wire: ThrowAwayWire | undefined
  const ms = await timed(async () => {
    wire = await wires.make()
  })
  await wire?.stop()
  return ms
}

async function visiting(wires: ThrowAwayWires, echo: Echo): Promise<number> {
  let wire: ThrowAwayWire | undefined
  const ms = await timed(async () => {
    wire = await wires.make()
    await ask(wire, echo)
  })
  await wire?.stop()
  return ms
}

/** Of a process that has done nothing else: memory is not given back. */
async function memoryOf(echo: Echo): Promise<Memory> {
  const dialler = Child.start<Echo>(new URL('names/dialler.ts', import.meta.url))
  try {
    return await dialler.ask<Memory>(echo)
  } finally {
    dialler.end()
  }
}

async function medianOf(sample: () => Promise<number>): Promise<number> {
  const times: number[] = []
  for (let count = 0; count < TIMES; count++) times.push(await sample())
  return median(times)
}

async function timed(run: () => Promise<void>): Promise<number> {
  const begin = performance.now()
  await run()
  return performance.now() - begin
}
