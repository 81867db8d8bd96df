import fc from 'fast-check'
import { beforeAll, describe, expect, test } from 'vitest'
import { backoff, between } from '../../net/backoff.ts'
import { RecordShelf, ShelfFullError, sourceOf } from '../../net/dht-shelf.ts'
import { FrameDecoder, frameHeader } from '../../net/frames.ts'
import { KeyedLock } from '../../net/lock.ts'
import { accountOf, peerName } from '../../net/peer-name.ts'
import { platformRandom, pooled } from '../../net/platform/random.ts'
import { toError } from '../../net/channel-error.ts'
import { peerIdFromString } from '@libp2p/peer-id'
import { concat, fromHex, toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { testAccount } from '../support/bundles.ts'
import { seededRandom } from '../support/random.ts'

beforeAll(() => ready)

describe('a peer name', () => {
  test('is what libp2p makes of the same key', () => {
    for (const name of ['alice', 'bob', 'carol']) {
      const { key } = testAccount(name)
      const text = peerName(key)
      expect(peerIdFromString(text).publicKey?.raw).toEqual(key)
      expect(accountOf(text)).toEqual(key)
    }
  })

  test.each([
    ['empty', ''],
    ['with a character that base58 has not', '12D3KooW0'],
    ['an RSA PeerId', 'QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N'],
    ['far too long', '1'.repeat(100_000)],
  ])('that is %s is refused', (_, text) => {
    expect(() => accountOf(text)).toThrow(expect.objectContaining({ name: 'DecodeError' }))
  })

  test('has one form only', () => {
    const text = peerName(testAccount('alice').key)
    expect(() => accountOf(`1${text}`)).toThrow()
    expect(() => accountOf(text.slice(0, -1))).toThrow()
    expect(() => accountOf(` ${text}`)).toThrow()
  })

  test('of a point of small order is refused', () => {
    const bad = fromHex('01'.padEnd(64, '0')) as Parameters<typeof peerName>[0]
    expect(() => accountOf(peerName(bad))).toThrow(expect.objectContaining({ name: 'CryptoError' }))
  })
})

describe('frames', () => {
  const frames = fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 20 })

  test('are the same however the bytes are cut', () => {
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 300 })), (sent, cuts) => {
        const bytes = concat(...sent.flatMap((frame) => [frameHeader(frame.length), frame]))
        const decoder = new FrameDecoder(400)
        const received: Uint8Array[] = []
        let at = 0
        for (let turn = 0; at < bytes.length; turn++) {
          const length = cuts[turn % Math.max(1, cuts.length)] ?? bytes.length
          decoder.push(bytes.subarray(at, at + length))
          at += length
          for (let frame = decoder.next(); frame !== undefined; frame = decoder.next()) {
            received.push(frame)
          }
        }
        expect(received).toEqual(sent)
        expect(decoder.unfinished).toBe(false)
      }),
    )
  })

  test('of one stream never come out of another', () => {
    const size = fc.oneof(fc.nat(400), fc.integer({ min: 30_000, max: 90_000 }))
    const cutFrame = fc.record({ size, cut: fc.nat(90_000) })
    const streams = fc.array(fc.array(cutFrame, { maxLength: 6 }), { minLength: 2, maxLength: 5 })
    fc.assert(
      fc.property(streams, (sent) => {
        const all = sent.map((frameSizes, i) => ({
          pieces: frameSizes.flatMap(({ size: n, cut }) => {
            const bytes = concat(frameHeader(n), new Uint8Array(n).fill(i))
            return [bytes.subarray(0, cut), bytes.subarray(cut)]
          }),
          decoder: new FrameDecoder(90_000),
          received: [] as string[],
        }))
        for (let turn = 0; turn < 12; turn++) {
          for (const { pieces, decoder, received } of all) {
            decoder.push(pieces[turn] ?? new Uint8Array(0))
            for (let got = decoder.next(); got !== undefined; got = decoder.next()) {
              received.push(`${got.length} of ${[...new Set(got)].join()}`)
            }
          }
        }
        const expected = sent.map((frameSizes, i) =>
          frameSizes.map(({ size: n }) => `${n} of ${n === 0 ? '' : i}`),
        )
        expect(all.map(({ received }) => received)).toEqual(expected)
      }),
    )
  })

  test('that are not whole are told from none', () => {
    const bytes = concat(frameHeader(200), new Uint8Array(200))
    for (let length = 1; length < bytes.length; length++) {
      const decoder = new FrameDecoder(200)
      decoder.push(bytes.subarray(0, length))
      expect(decoder.next()).toBeUndefined()
      expect(decoder.unfinished).toBe(true)
    }
  })

  test('after a bad one there is no going on', () => {
    const decoder = new FrameDecoder(10)
    decoder.push(Uint8Array.of(11, 1, 5))
    expect(() => decoder.next()).toThrow('ERR_FRAME_TOO_LARGE')
    expect(() => decoder.next()).toThrow('ERR_FRAME_TOO_LARGE')
  })
})

describe('a lock', () => {
  test('runs the tasks of one key in order and those of others beside them', async () => {
    const lock = new KeyedLock()
    const seen: string[] = []
    const gate = Promise.withResolvers<void>()
    const first = lock.run('a', async () => {
      await gate.promise
      seen.push('a1')
    })
    const second = lock.run('a', async () => seen.push('a2'))
    await lock.run('b', async () => seen.push('b1'))
    gate.resolve()
    await Promise.all([first, second])
    expect(seen).toEqual(['b1', 'a1', 'a2'])
  })

  test('is not stopped by a task that fails, and forgets keys', async () => {
    const lock = new KeyedLock()
    const failing = lock.run('a', () => Promise.reject(new Error('no')))
    const next = lock.run('a', async () => 'yes')
    await expect(failing).rejects.toThrow('no')
    expect(await next).toBe('yes')
    await Promise.resolve()
    await Promise.resolve()
    expect(lock.size).toBe(0)
  })

  test('survives a task that throws before it waits', async () => {
    const lock = new KeyedLock()
    const failing = lock.run('a', () => {
      throw new Error('at once')
    })
    await expect(failing).rejects.toThrow('at once')
    expect(await lock.run('a', async () => 1)).toBe(1)
  })
})

test('back-off doubles around its middle and never exceeds its maximum', () => {
  const random = seededRandom('backoff')
  for (let attempt = 0; attempt < 100; attempt++) {
    const delay = backoff(attempt, { base: 100, max: 10_000, random })
    const middle = Math.min(10_000, 100 * 2 ** attempt)
    expect(delay).toBeGreaterThanOrEqual(middle / 2)
    expect(delay).toBeLessThanOrEqual(Math.min(10_000, middle * 1.5))
  }
})

test('a generator that fails costs the jitter, and nobody waits for ever', () => {
  const random = (): Uint8Array => {
    throw new Error('no more')
  }
  expect(backoff(1, { base: 100, max: 10_000, random })).toBe(200)
  expect(between(10, 20, random)).toBe(15)
})

describe('pooled randomness', () => {
  test('gives every byte once, and wipes what it gave', () => {
    const pools: Uint8Array[] = []
    const draw = pooled(
      (length) => {
        const bytes = seededRandom(`pool ${pools.length}`)(length)
        pools.push(bytes)
        return bytes
      },
      () => 0,
    )
    const drawn = Array.from({ length: 300 }, () => toHex(draw(24)))
    expect(new Set(drawn).size).toBe(300)
    expect(pools.length).toBe(2)
  })

  test('drops a pool after a second', () => {
    let now = 0
    let fills = 0
    const draw = pooled(
      (length) => {
        fills++
        return new Uint8Array(length)
      },
      () => now,
    )
    draw(16)
    now = 1000
    draw(16)
    expect(fills).toBe(1)
    now = 1001
    draw(16)
    expect(fills).toBe(2)
  })

  test('does not serve long draws', () => {
    const lengths: number[] = []
    const draw = pooled(
      (length) => {
        lengths.push(length)
        return new Uint8Array(length)
      },
      () => 0,
    )
    expect(draw(5000)).toHaveLength(5000)
    expect(lengths).toEqual([5000])
  })

  test('of the platform can be longer than one draw', () => {
    const bytes = platformRandom(200_000)
    expect(bytes.subarray(-16)).not.toEqual(new Uint8Array(16))
  })
})

test('what is rejected becomes an error', () => {
  const error = new Error('itself')
  expect(toError(error)).toBe(error)
  expect(toError({ type: 'close', error })).toBe(error)
  expect(toError({ type: 'close' }).message).toBe('close')
  expect(toError('text').message).toBe('text')
  expect(toError(undefined)).toBeInstanceOf(Error)
})

describe('the shelf', () => {
  test('makes room by giving up what is farthest', () => {
    const shelf = new RecordShelf({ maxRecords: 3 })
    for (const far of [5, 9, 7]) expect(shelf.admit(`at ${far}`, entry(far))).toEqual([])
    expect(shelf.admit('at 6', entry(6))).toEqual(['at 9'])
    expect(() => shelf.admit('at 8', entry(8))).toThrow(ShelfFullError)
    expect(shelf.admit('at 5', entry(5))).toEqual([])
    expect(shelf.size).toBe(3)
  })

  test('gives no source more than its share, but ourselves', () => {
    const shelf = new RecordShelf({ maxPerSource: 1 })
    shelf.admit('a', entry(1, 'there'))
    expect(() => shelf.admit('b', entry(1, 'there'))).toThrow('ERR_LIMIT')
    expect(shelf.admit('a', entry(1, 'there'))).toEqual([])
    shelf.forget('a')
    expect(shelf.countOf('there')).toBe(0)
    shelf.admit('b', entry(1, 'there'))
    for (const name of ['c', 'd', 'e']) shelf.admit(name, entry(1, ''))
    expect(shelf.size).toBe(4)
  })

  test('knows what is old', () => {
    const shelf = new RecordShelf()
    shelf.admit('old', { source: '', at: 10, distance: Uint8Array.of(1) })
    shelf.admit('new', { source: '', at: 11, distance: Uint8Array.of(1) })
    expect(shelf.olderThan(10)).toEqual(['old'])
  })

  test.each([
    ['/ip4/10.1.2.3/tcp/4000', '10.1.2'],
    ['/ip6/2001:db8:1:2::3/tcp/4000', '2001:db8:1'],
    ['/ip6/::1/tcp/4000', '0:0:0'],
    ['/ip6/fe80::1%25eth0/tcp/1', 'fe80:0:0'],
    ['/dns4/example.org/tcp/443/wss', 'example.org'],
    ['', ''],
  ])('counts %s under %o', (address, source) => {
    expect(sourceOf(address)).toBe(source)
  })
})

function entry(distance: number, source = '') {
  return { source, at: 0, distance: Uint8Array.of(distance) }
}
