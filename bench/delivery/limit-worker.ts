/**
 * A stub of the whole path: the ratchet, one synced batch at each side, one long-lived stream with cumulative acknowledgements.
 * No contacts, no outbox, no history, no events, values not sealed. A node that does all this cannot be faster.
 */
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { identify } from '@libp2p/identify'
import type { Stream } from '@libp2p/interface'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { multiaddr } from '@multiformats/multiaddr'
import { Level } from 'level'
import { createLibp2p, type Libp2p } from 'libp2p'
import { systemClock } from '../../net/platform/clock.ts'
import { channelOf } from '../../net/channel.ts'
import type { Channel } from '../../net/ports.ts'
import { accountKey } from '../../protocol/account.ts'
import { fromHex, toHex, utf8 } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { newPerson, publish } from '../people.ts'
import { acceptFirst, sendFirst, type Talker } from '../talker.ts'
import { Batches, type Put } from './batches.ts'
import type { Deliver } from './jobs.ts'
import { work } from './worker.ts'

const PROTOCOL = '/bench/limit/1'
const FRAME = { maxFrameBytes: 256 * 1024, clock: systemClock }

const COUNT_BYTES = 4

/** A session's record is about so large. */
const STATE = new Uint8Array(1500)

interface Meeting {
  readonly address: string
  readonly account: string
  readonly bundle: string
  readonly pair: string
}

async function receive(folder: string): Promise<string> {
  await ready
  const [batches, node] = [await openBatches(folder), await startNode()]
  const person = newPerson()
  const published = publish(person)
  await node.handle(PROTOCOL, async (stream, connection) => {
    const channel = channelOf(stream, connection, FRAME)
    let talker: Talker | undefined
    let received = 0
    for await (const run of channel.incoming) {
      const puts: Put[] = [{ key: 'session', value: STATE }]
      for (const frame of run) {
        if (talker === undefined) {
          talker = acceptFirst(person, published, frame)
          channel.send(talker.seal(utf8('hello'))) // from now on envelopes carry no handshake
        } else {
          puts.push({ key: `message/${received}`, value: talker.open(frame) })
        }
        received++
      }
      await batches.commit(puts)
      channel.send(counted(received))
    }
  })
  const meeting: Meeting = {
    address: String(node.getMultiaddrs()[0]),
    account: toHex(person.account.key),
    bundle: toHex(published.bundle),
    pair: toHex(published.pair),
  }
  return JSON.stringify(meeting)
}

async function send(folder: string, meet: string): Promise<Deliver> {
  await ready
  const [batches, node] = [await openBatches(folder), await startNode()]
  const meeting = JSON.parse(meet) as Meeting
  const { talker, envelope } = sendFirst(
    {
      account: accountKey(fromHex(meeting.account)),
      bundle: fromHex(meeting.bundle),
      pair: fromHex(meeting.pair),
    },
    utf8('hello'),
  )
  const connection = await node.dial(multiaddr(meeting.address))
  const stream: Stream = await connection.newStream(PROTOCOL)
  const channel = channelOf(stream, connection, FRAME)
  const answers = new Answers(channel, talker)
  channel.send(envelope)
  await answers.acknowledged()

  let number = 0
  return async (text) => {
    const sealed = talker.seal(utf8(text))
    const puts = [
      { key: 'session', value: STATE },
      { key: `outbox/${number}`, value: sealed },
      { key: `message/${number++}`, value: utf8(text) },
    ]
    await batches.commit(puts)
    channel.send(sealed)
    await answers.acknowledged()
  }
}

/** What comes back: the answer to the handshake, then counts of what is on the receiver's disk. */
class Answers {
  readonly #waiting: (() => void)[] = []
  #settled = 0

  constructor(channel: Channel, talker: Talker) {
    void this.#read(channel, talker)
  }

  /** Resolves for the oldest message that was sent and not yet counted. */
  acknowledged(): Promise<void> {
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  async #read(channel: Channel, talker: Talker): Promise<void> {
    for await (const run of channel.incoming) {
      for (const frame of run) {
        if (frame.length === COUNT_BYTES) this.#settle(frame)
        else talker.open(frame)
      }
    }
  }

  #settle(frame: Uint8Array): void {
    const count = new DataView(frame.buffer, frame.byteOffset).getUint32(0)
    const settled = this.#waiting.splice(0, count - this.#settled)
    this.#settled = count
    for (const resolve of settled) resolve()
  }
}

function counted(count: number): Uint8Array {
  const bytes = new Uint8Array(COUNT_BYTES)
  new DataView(bytes.buffer).setUint32(0, count)
  return bytes
}

async function openBatches(folder: string): Promise<Batches> {
  const level = new Level<string, Uint8Array>(join(folder, 'level'), { valueEncoding: 'view' })
  await level.open()
  return new Batches(level)
}

function startNode(): Promise<Libp2p> {
  return createLibp2p({
    addresses: { listen: ['/ip4/127.0.0.1/tcp/0'] },
    transports: [tcp()],
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: { identify: identify() },
  })
}

work({ receive, send })
