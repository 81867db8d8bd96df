import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { channelOf, type StreamChannel } from '../../net/channel.ts'
import { frameHeader } from '../../net/frames.ts'
import { systemClock } from '../../net/platform/clock.ts'
import type { Channel, Clock } from '../../net/ports.ts'
import { concat } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { ManualClock, settle, until } from '../support/manual-clock.ts'
import { streamPair, type StreamEnd, type StreamPair } from '../support/stream-pair.ts'

const MAX_FRAME_BYTES = 64 * 1024

let pair: StreamPair

beforeAll(() => ready)
beforeEach(async () => {
  pair = await streamPair()
})
afterEach(() => pair.stop())

describe('frames', () => {
  test('arrive whole and in order, those of one turn in one write', async () => {
    const [near, far] = channels()
    const writes = countWrites(pair.near)
    const sent = Array.from({ length: 100 }, (_, at) => new Uint8Array(at).fill(at))
    for (const frame of sent) near.send(frame)
    await near.close()
    expect(await framesOf(far)).toEqual(sent)
    expect(writes()).toBe(1)
  })

  test('that have arrived come as one run', async () => {
    const [near, far] = channels()
    for (let at = 0; at < 100; at++) near.send(Uint8Array.of(at))
    const runs = far.incoming[Symbol.asyncIterator]()
    const first = await runs.next()
    expect(first.value).toHaveLength(100)
  })

  test('are all there for a reader who comes after the end', async () => {
    const [near, far] = channels()
    near.send(Uint8Array.of(1))
    await near.close()
    await until(() => pair.far.stream.remoteWriteStatus === 'closed')
    expect(await framesOf(far)).toEqual([Uint8Array.of(1)])
  })

  test('sent in small pieces are put together', async () => {
    const far = channel(pair.far)
    const bytes = concat(frameHeader(300), new Uint8Array(300).fill(7))
    for (const byte of bytes) {
      pair.near.stream.send(Uint8Array.of(byte))
      await settle(1)
    }
    await pair.near.stream.close()
    expect(await framesOf(far)).toEqual([new Uint8Array(300).fill(7)])
  })

  test('can be left to a second reader after the first one', async () => {
    const [near, far] = channels()
    near.send(Uint8Array.of(1))
    for await (const run of far.incoming) {
      expect(run).toHaveLength(1)
      break
    }
    near.send(Uint8Array.of(2))
    await near.close()
    expect(await framesOf(far)).toEqual([Uint8Array.of(2)])
  })

  test('are copies: what a sender does with a chunk later does not matter to the reader', async () => {
    const [near, far] = channels()
    near.send(Uint8Array.of(1, 2, 3))
    near.send(Uint8Array.of(4))
    await near.close()
    const [first] = await framesOf(far)
    expect(first?.buffer.byteLength).toBe(3)
  })
})

describe('the end', () => {
  test('inside a frame is an error', async () => {
    const far = channel(pair.far)
    pair.near.stream.send(concat(frameHeader(10), new Uint8Array(9)))
    await pair.near.stream.close()
    await expect(framesOf(far)).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  })

  test('inside a length is an error', async () => {
    const far = channel(pair.far)
    pair.near.stream.send(Uint8Array.of(0x80))
    await pair.near.stream.close()
    await expect(framesOf(far)).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  })

  test('by a lost connection is an error, even between two frames', async () => {
    const [near, far] = channels()
    near.send(Uint8Array.of(1))
    const seen: number[] = []
    const reading = (async () => {
      for await (const run of far.incoming) {
        seen.push(run.length)
        pair.cut()
      }
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
    expect(seen).toEqual([1])
  })

  test('by a lost connection before anything came is an error', async () => {
    const far = channel(pair.far)
    const reading = framesOf(far)
    pair.cut()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  })

  test('by our abort gives its reason to our reader and an error to theirs', async () => {
    const [near, far] = channels()
    const reason = new Error('enough')
    const ours = framesOf(near)
    const theirs = framesOf(far)
    near.abort(reason)
    await expect(ours).rejects.toBe(reason)
    await expect(theirs).rejects.toBeInstanceOf(Error)
  })

  test('comes to a stream that was reset before we had it', async () => {
    pair.far.stream.abort(new Error('no'))
    await until(() => pair.near.stream.status === 'reset')
    const near = channel(pair.near)
    expect(() => near.send(Uint8Array.of(1))).toThrow('ERR_CLOSED')
    await expect(framesOf(near)).rejects.toMatchObject({ code: 'ERR_TRUNCATED' })
  })

  test('can be used for sending only once', async () => {
    const [near] = channels()
    const closed = near.close()
    expect(() => near.send(Uint8Array.of(1))).toThrow('ERR_CLOSED')
    await closed
    await near.close()
  })

  test('close does not reject on a line that was cut', async () => {
    const [near] = channels()
    near.send(new Uint8Array(MAX_FRAME_BYTES))
    pair.cut()
    await near.close()
  })

  test('half of it leaves the other direction open', async () => {
    const [near, far] = channels()
    await near.close()
    expect(await framesOf(far)).toEqual([])
    far.send(Uint8Array.of(9))
    await far.close()
    expect(await framesOf(near)).toEqual([Uint8Array.of(9)])
  })
})

describe('a bad frame', () => {
  test('that is too large is refused from its length alone, and resets the stream', async () => {
    const far = channel(pair.far)
    const near = channel(pair.near)
    pair.near.stream.send(frameHeader(MAX_FRAME_BYTES + 1))
    await expect(framesOf(far)).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' })
    await expect(framesOf(near)).rejects.toBeInstanceOf(Error)
  })

  test('behind good ones does not hide them', async () => {
    const far = channel(pair.far)
    pair.near.stream.send(concat(Uint8Array.of(1, 42), frameHeader(MAX_FRAME_BYTES + 1)))
    const seen: Uint8Array[] = []
    const reading = (async () => {
      for await (const run of far.incoming) seen.push(...run)
    })()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' })
    expect(seen).toEqual([Uint8Array.of(42)])
  })

  test('with a length in a longer form than needed is refused', async () => {
    const far = channel(pair.far)
    pair.near.stream.send(Uint8Array.of(0x81, 0x00, 0))
    await expect(framesOf(far)).rejects.toMatchObject({ code: 'ERR_MALFORMED' })
  })

  test('with an endless length is refused', async () => {
    const far = channel(pair.far)
    pair.near.stream.send(new Uint8Array(6).fill(0xff))
    await expect(framesOf(far)).rejects.toMatchObject({ code: 'ERR_FRAME_TOO_LARGE' })
  })
})

describe('backpressure', () => {
  test('stops a sender whose peer does not read, and loses nothing', async () => {
    const [near, far] = channels()
    const frames = 512
    let sent = 0
    const sending = (async () => {
      for (; sent < frames; sent++) {
        await near.drained()
        near.send(new Uint8Array(MAX_FRAME_BYTES).fill(sent))
      }
      await near.close()
    })()
    await until(() => pair.far.stream.readStatus === 'paused')
    await until(() => pair.near.stream.writableNeedsDrain)
    await settle(1000)
    expect(sent * MAX_FRAME_BYTES).toBeLessThan(8 * 1024 * 1024)

    let received = 0
    for await (const run of far.incoming) {
      for (const frame of run) expect(frame[0]).toBe(received++ & 0xff)
    }
    await sending
    expect(received).toBe(frames)
  })

  test('rejects a wait that is given up, or whose channel ends', async () => {
    const [near] = channels()
    const given = new AbortController()
    for (let at = 0; at < 100; at++) near.send(new Uint8Array(MAX_FRAME_BYTES))
    const first = near.drained(given.signal)
    const second = near.drained()
    given.abort(new Error('given up'))
    await expect(first).rejects.toThrow('given up')
    near.abort(new Error('over'))
    await expect(second).rejects.toThrow('over')
  })

  test('ends a sender that never waits', () => {
    const [near] = channels()
    expect(() => {
      for (let at = 0; at < 200; at++) near.send(new Uint8Array(MAX_FRAME_BYTES))
    }).toThrow('ERR_OVERFLOW')
  })
})

test('a peer that stalls is given ten seconds after close, then the stream is reset', async () => {
  const manual = new ManualClock()
  const clock: Clock = {
    now: () => manual.now(),
    after: (ms, run) => (ms === 0 ? systemClock : manual).after(ms, run),
  }
  const near = channelOf(pair.near.stream, pair.near.connection, { maxFrameBytes: 100, clock })
  channel(pair.far)
  await near.close()
  expect(pair.near.stream.status).not.toBe('aborted')
  await manual.advance(10_000)
  expect(pair.near.stream.status).toBe('aborted')
  expect(manual.pending).toBe(0)
})

function channels(): [StreamChannel, StreamChannel] {
  return [channel(pair.near), channel(pair.far)]
}

function channel({ stream, connection }: StreamEnd): StreamChannel {
  return channelOf(stream, connection, { maxFrameBytes: MAX_FRAME_BYTES, clock: systemClock })
}

async function framesOf(channel: Channel): Promise<Uint8Array[]> {
  const frames: Uint8Array[] = []
  for await (const run of channel.incoming) frames.push(...run)
  return frames
}

function countWrites({ stream }: StreamEnd): () => number {
  const send = stream.send.bind(stream)
  let writes = 0
  stream.send = (data) => {
    writes++
    return send(data)
  }
  return () => writes
}
