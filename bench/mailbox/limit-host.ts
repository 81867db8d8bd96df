/**
 * A mailbox that does nothing but move bytes: as many of them on the wire and in its batches as ours, through one libp2p stream
 * into bare LevelDB. No requests, accounts, quotas, signatures, seals or looks into the store.
 */
import { join } from 'node:path'
import { Level } from 'level'
import { createLibp2p } from 'libp2p'
import { channelOf } from '../../net/channel.ts'
import { transports } from '../../net/platform/transports.ts'
import { takeOrders } from '../orders.ts'
import {
  ACKNOWLEDGED,
  FRAME,
  LIMIT_PROTOCOL,
  receiptBytes,
  Runs,
  SIZES,
  WINDOW,
} from './limit-frames.ts'
import { Writes } from './writes.ts'
import type { Channel } from '../../net/ports.ts'
import type { Operation } from './writes.ts'
import type { ServerOrder } from './orders.ts'

const RECORD = new Uint8Array(SIZES.storedReceipt)
const EXPIRY = new Uint8Array(SIZES.expiry)
const COUNTERS = new Uint8Array(SIZES.counters)
const SEAL = new Uint8Array(SIZES.itemHeader)

/** The queue of the one owner. */
class Queue {
  readonly #level: Level<string, Uint8Array>
  readonly #writes: Writes
  #last = 0

  constructor(level: Level<string, Uint8Array>) {
    this.#level = level
    this.#writes = new Writes(level)
  }

  /** One run of deposits, and an answer for each once they are on the disk. */
  async store(channel: Channel, deposits: readonly Uint8Array[]): Promise<void> {
    const operations: Operation[] = []
    for (const deposit of deposits) {
      const item = ++this.#last
      operations.push(put(keyOf(item), Buffer.concat([SEAL, deposit.subarray(SIZES.head)])))
      operations.push(put(`receipt/${wide(item)}/${wide(item)}`.padEnd(57, '0'), RECORD))
      operations.push(put(`expiry/${wide(item)}/${wide(item)}`.padEnd(58, '0'), EXPIRY))
    }
    await this.#writes.commit(operations, put('member/00000001', COUNTERS))
    const receipt = new Uint8Array(receiptBytes(deposits.length))
    for (const _ of deposits) channel.send(receipt)
  }

  /** Sends everything, a window of it unacknowledged. */
  async hand(channel: Channel, acknowledged: Window): Promise<void> {
    const iterator = this.#level.iterator({ gt: 'item/', lt: 'item0' })
    const runs = new Runs()
    for (;;) {
      const entries = await iterator.nextv(WINDOW)
      if (entries.length === 0) break
      for (const [key, value] of entries) {
        await acknowledged.enter(() => runs.send(channel))
        if (runs.add(idOf(key), value.subarray(SIZES.itemHeader))) runs.send(channel)
      }
    }
    runs.send(channel)
    await iterator.close()
  }

  async remove(channel: Channel, frame: Uint8Array, acknowledged: Window): Promise<void> {
    const ids = new BigUint64Array(frame.slice(1).buffer)
    const gone = [...ids].map((id): Operation => ({ type: 'del', key: keyOf(Number(id)) }))
    await this.#writes.commit(gone, put('member/00000001', COUNTERS))
    channel.send(ACKNOWLEDGED)
    acknowledged.leave(ids.length)
  }
}

/** How many are on their way. */
class Window {
  #inside = 0
  #wake: (() => void) | undefined

  /** Waits until there is room; `before` is called if there is none. */
  async enter(before: () => void): Promise<void> {
    while (this.#inside >= WINDOW) {
      before()
      await new Promise<void>((resolve) => (this.#wake = resolve))
    }
    this.#inside++
  }

  leave(count: number): void {
    this.#inside -= count
    this.#wake?.()
  }
}

takeOrders(async ({ serve }: ServerOrder): Promise<string> => {
  const encodings = { keyEncoding: 'utf8', valueEncoding: 'view', compression: false } as const
  const level = new Level<string, Uint8Array>(join(serve, 'level'), encodings)
  await level.open()
  const queue = new Queue(level)
  const node = await createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    ...transports(),
  })
  await node.handle(LIMIT_PROTOCOL, async (stream, connection) => {
    const channel = channelOf(stream, connection, FRAME)
    const acknowledged = new Window()
    for await (const run of channel.incoming) {
      const deposits = run.filter((frame) => frame.length === SIZES.deposit)
      if (deposits.length > 0) void queue.store(channel, deposits)
      for (const frame of run) {
        if (frame.length === 1) void queue.hand(channel, acknowledged)
        else if (frame.length !== SIZES.deposit) void queue.remove(channel, frame, acknowledged)
      }
    }
  })
  return String(node.getMultiaddrs()[0])
})

function put(key: string, value: Uint8Array): Operation {
  return { type: 'put', key, value }
}

function wide(number: number): string {
  return number.toString(16).padStart(14, '0')
}

function keyOf(item: number): string {
  return `item/00000001/${wide(item)}`
}

function idOf(key: string): number {
  return Number.parseInt(key.slice(-14), 16)
}
