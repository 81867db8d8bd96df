/** The part of a client process that is the same for every subject. */
import { randomBytes } from 'node:crypto'
import { takeOrders } from '../orders.ts'
import { ENVELOPE_BYTES } from './orders.ts'
import type { ClientOrder, Clients, Deposited, Drain, Leave } from './orders.ts'

/** Becomes the owner or the depositors by its first order. */
export function work(clients: Clients): void {
  let leave: Leave | undefined
  let drain: Drain | undefined
  takeOrders(async (order: ClientOrder) => {
    if ('collect' in order) {
      const collector = await clients.collect(order.collect, order.folder)
      drain = collector.drain
      return collector.found
    }
    if ('leave' in order) leave = await clients.leave(order.leave)
    else if ('deposit' in order && leave !== undefined) return await deposit(order, leave)
    else if ('drain' in order && drain !== undefined) return await drained(drain, order.drain)
    return undefined
  })
}

function drained(drain: Drain, count: number): Promise<number> {
  return timed(() => drain(count))
}

/** So many depositors, each of whom waits for an answer before the next envelope. */
async function deposit(
  order: { readonly deposit: number; readonly depositors: number },
  leave: Leave,
): Promise<Deposited> {
  const envelopes = Array.from({ length: order.deposit }, newEnvelope)
  const times: number[] = []
  const depositor = async (): Promise<void> => {
    for (let next = envelopes.pop(); next !== undefined; next = envelopes.pop()) {
      const envelope = next
      times.push(1000 * (await timed(() => leave(envelope))))
    }
  }
  const seconds = await timed(async () => {
    await Promise.all(Array.from({ length: order.depositors }, depositor))
  })
  return { seconds, times }
}

/** Of a session, as far as a mailbox looks at it. */
function newEnvelope(): Uint8Array {
  const bytes = new Uint8Array(randomBytes(ENVELOPE_BYTES))
  bytes.set([1, 1])
  return bytes
}

async function timed(run: () => Promise<void>): Promise<number> {
  const begin = performance.now()
  await run()
  return (performance.now() - begin) / 1000
}
