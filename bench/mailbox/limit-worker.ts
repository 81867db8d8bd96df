/** The clients of `limit`. */
import { createLibp2p } from 'libp2p'
import { multiaddr } from '@multiformats/multiaddr'
import { channelOf } from '../../net/channel.ts'
import { transports } from '../../net/platform/transports.ts'
import { ACKNOWLEDGED, FRAME, itemsOf, LIMIT_PROTOCOL, SIZES } from './limit-frames.ts'
import { openStore } from './client-store.ts'
import { work } from './worker.ts'
import type { Channel } from '../../net/ports.ts'
import type { Drain, Leave } from './orders.ts'
import type { Item } from './limit-frames.ts'

async function collect(
  address: string,
  folder: string,
): Promise<{ readonly found: string; readonly drain: Drain }> {
  const store = await openStore(folder)
  const channel = await open(address)
  let take: (frame: Uint8Array) => void = () => undefined
  void listen(channel, (frame) => take(frame))
  const drain = async (count: number): Promise<void> => {
    const { promise, resolve } = Promise.withResolvers<void>()
    let left = count
    let settling: number[] = []
    take = (frame) => {
      if (frame.length === ACKNOWLEDGED.length) {
        left -= settling.shift() ?? 0
        if (left <= 0) resolve()
        return
      }
      const items = itemsOf(frame)
      void store(items).then(() => {
        settling.push(items.length)
        channel.send(acknowledgement(items))
      })
    }
    channel.send(new Uint8Array(1))
    await promise
    settling = []
  }
  return { found: address, drain }
}

async function leave(address: string): Promise<Leave> {
  const channel = await open(address)
  const waiting: (() => void)[] = []
  void listen(channel, () => waiting.shift()?.())
  return async (envelope) => {
    const frame = new Uint8Array(SIZES.deposit)
    frame.set(envelope, SIZES.head)
    channel.send(frame)
    await new Promise<void>((resolve) => waiting.push(resolve))
  }
}

async function open(address: string): Promise<Channel> {
  const node = await createLibp2p({ addresses: { listen: [] }, ...transports() })
  const connection = await node.dial(multiaddr(address))
  return channelOf(await connection.newStream(LIMIT_PROTOCOL), connection, FRAME)
}

async function listen(channel: Channel, take: (frame: Uint8Array) => void): Promise<void> {
  for await (const run of channel.incoming) for (const frame of run) take(frame)
}

function acknowledgement(items: readonly Item[]): Uint8Array {
  const ids = new BigUint64Array(items.map(({ id }) => id))
  const frame = new Uint8Array(1 + ids.byteLength)
  frame.set(new Uint8Array(ids.buffer), 1)
  return frame
}

work({ collect, leave })
