import { beforeEach, describe, expect, test } from 'vitest'
import type { ContactShort, EventsOptions, NodeEvent } from '../../node/api.ts'
import { SottoError } from '../../node/errors.ts'
import { keys } from '../../node/keys.ts'
import { EventLog, type LoggedEvent } from '../../node/event-log.ts'
import { importSecret, ready } from '../../protocol/crypto.ts'
import { Records } from '../../net/records.ts'
import { faultyStore, type FaultyStore } from '../support/faulty-store.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'

const CONTACT: ContactShort = { id: 'c_1', name: 'bob', trust: 'unverified' }

const added: LoggedEvent = { at: 5, type: 'contact.added', contact: 'c_1' }
const requested: LoggedEvent = { at: 5, type: 'contact.requested', contact: 'c_1' }

/** One run of a program with an event log. */
class Run {
  readonly records: Records
  readonly log: EventLog
  readonly errors: unknown[] = []

  constructor({ store }: FaultyStore, clock: ManualClock) {
    const dataKey = importSecret('DataKey', new Uint8Array(32).fill(1))
    this.records = new Records({ store, dataKey, clock, random: seededRandom('log') })
    this.log = new EventLog({
      records: this.records,
      describe: (seq, { type, at }) => {
        const event = { v: 1 as const, seq, at: Number(at), contact: CONTACT }
        if (type === 'contact.added') return Promise.resolve({ ...event, type })
        if (type === 'contact.requested') return Promise.resolve({ ...event, type })
        return Promise.resolve(undefined)
      },
      onListenerError: (error) => this.errors.push(error),
    })
  }

  /** Commits events in one batch and tells of them. */
  async commit(...events: readonly LoggedEvent[]): Promise<readonly number[]> {
    while (this.log.stale) await this.log.recover()
    const appended = events.map((event) => this.log.append(event))
    await this.records.commit(appended.map(({ operation }) => operation))
    this.log.written(appended.at(-1)?.seq ?? 0)
    return appended.map(({ seq }) => seq)
  }

  /** Collects the numbers of what a stream gives. */
  collect(options: EventsOptions): { readonly seqs: (number | undefined)[]; done: Promise<void> } {
    const seqs: (number | undefined)[] = []
    const read = async (): Promise<void> => {
      for await (const { seq } of this.log.events(options)) seqs.push(seq)
    }
    return { seqs, done: read() }
  }
}

describe('the event log', () => {
  let disk: FaultyStore
  let clock: ManualClock
  let run: Run

  beforeEach(async () => {
    await ready
    disk = await faultyStore()
    clock = new ManualClock()
    run = new Run(disk, clock)
    await run.log.start()
  })

  test('numbers rise by one, also after a restart', async () => {
    expect(await run.commit(added, requested)).toEqual([1, 2])
    const next = new Run(disk, clock)
    await next.log.start()
    expect(next.log.head).toBe(2)
    expect(await next.commit(added)).toEqual([3])
  })

  test('a damaged record is left out, and its number is not given again', async () => {
    await run.commit(added, requested, added)
    for (const seq of [1, 3]) {
      const value = (await disk.store.get(keys.event(seq))) ?? new Uint8Array(1)
      await disk.store.put(keys.event(seq), value.with(0, (value[0] ?? 0) ^ 1))
    }
    const next = new Run(disk, clock)
    await next.log.start()
    expect(next.log.head).toBe(3)
    const stream = next.collect({ from: 'start' })
    expect(await next.commit(added)).toEqual([4])
    await settle()
    expect(stream.seqs).toEqual([2, 4])
    next.log.stop()
  })

  test('a stream begins where it is told, and goes on live', async () => {
    await run.commit(added, added, added)
    const all = run.collect({ from: 'start' })
    const some = run.collect({ from: 3 })
    const live = run.collect({})
    await settle()
    await run.commit(added)
    await settle()
    expect(all.seqs).toEqual([1, 2, 3, 4])
    expect(some.seqs).toEqual([3, 4])
    expect(live.seqs).toEqual([4])
    run.log.stop()
    await Promise.all([all.done, some.done, live.done])
  })

  test("'now' is the moment of the call", async () => {
    const events = run.log.events()
    await run.commit(added)
    expect((await events.next()).value).toMatchObject({ seq: 1 })
    await events.return()
  })

  test('filters skip what was not asked for', async () => {
    const stream = run.collect({ from: 'start', types: ['contact.requested'] })
    const nobody = run.collect({ from: 'start', contacts: ['c_2'] })
    await run.commit(added, requested, added, requested)
    await settle()
    expect(stream.seqs).toEqual([2, 4])
    expect(nobody.seqs).toEqual([])
    run.log.stop()
  })

  test('kinds of a later version are passed over', async () => {
    await run.commit({ ...added, type: 'contact.painted' }, added)
    const stream = run.collect({ from: 'start' })
    await settle()
    expect(stream.seqs).toEqual([2])
    run.log.stop()
  })

  test('a consumer gets again what it did not acknowledge, with the same numbers', async () => {
    await run.commit(added, requested, added)
    const first = run.log.events({ consumer: 'bot' })
    const one = await first.next()
    const two = await first.next()
    expect([one.value, two.value]).toMatchObject([{ seq: 1 }, { seq: 2 }])
    const acknowledged = one.value?.ack()
    await clock.advance(100)
    await acknowledged
    await first.return()

    const next = new Run(disk, clock)
    await next.log.start()
    const again = next.collect({ consumer: 'bot' })
    await settle()
    expect(again.seqs).toEqual([2, 3])
    next.log.stop()
  })

  test('a consumer whose cursor is ahead of the log misses nothing that comes', async () => {
    await run.commit(added, added, added)
    const stream = run.log.events({ consumer: 'bot', from: 'start' })
    for (let seq = 1; seq <= 3; seq++) {
      const { value } = await stream.next()
      const acknowledged = value?.ack()
      await clock.advance(100)
      await acknowledged
    }
    await stream.return()
    // The tail of the log is lost, the cursor is not.
    for await (const { key } of run.records.range('event/')) {
      if (key > 'event/0000000000000001') await run.records.commit([{ type: 'del', key }])
    }
    const next = new Run(disk, clock)
    await next.log.start()
    const again = next.collect({ consumer: 'bot' })
    await settle()
    expect(await next.commit(requested)).toEqual([2])
    await settle()
    expect(again.seqs).toEqual([2])
    next.log.stop()
  })

  test.each(['', 'a b', '../x', 'ä', 'x'.repeat(65)])(
    'no consumer is called %j',
    async (consumer) => {
      const stream = run.log.events({ consumer })
      await expect(stream.next()).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' })
    },
  )

  test.each([-1, 0.5, Number.NaN, 2 ** 53])('no stream begins at %d', async (from) => {
    const refused = await run.log
      .events({ from })
      .next()
      .catch((error: unknown) => error)
    expect(SottoError.is(refused, 'INVALID_ARGUMENT')).toBe(true)
  })

  test('what is only announced reaches streams and listeners, and is not kept', async () => {
    const heard: string[] = []
    run.log.on('mailbox.lost', ({ type }) => heard.push(type))
    const stream = run.collect({})
    await settle()
    const mailbox = 'x' as Extract<NodeEvent, { type: 'mailbox.lost' }>['mailbox']
    run.log.announce({ v: 1, at: 1, type: 'mailbox.lost', mailbox })
    await settle()
    expect(heard).toEqual(['mailbox.lost'])
    expect(stream.seqs).toEqual([undefined])
    const later = run.collect({ from: 'start' })
    await settle()
    expect(later.seqs).toEqual([])
    run.log.stop()
  })

  test('a slow reader loses announced events before it costs memory', async () => {
    const stream = run.log.events()
    const first = stream.next()
    await settle()
    const mailbox = 'x' as Extract<NodeEvent, { type: 'mailbox.lost' }>['mailbox']
    for (let at = 0; at < 1000; at++) {
      run.log.announce({ v: 1, at, type: 'mailbox.lost', mailbox })
    }
    const seen = [(await first).value?.at]
    run.log.stop()
    for await (const { at } of stream) seen.push(at)
    expect(seen).toEqual(Array.from({ length: 256 }, (_, at) => 744 + at))
  })

  test('listeners hear in order; one that throws hurts nobody else', async () => {
    const heard: (number | undefined)[] = []
    const leave = new AbortController()
    run.log.on('contact.added', () => {
      throw new Error('mine')
    })
    run.log.on('contact.added', ({ seq }) => heard.push(seq), { signal: leave.signal })
    await run.commit(added, requested)
    await run.commit(added)
    await settle()
    expect(heard).toEqual([1, 3])
    expect(run.errors).toHaveLength(2)
    leave.abort()
    await run.commit(added)
    await settle()
    expect(heard).toEqual([1, 3])
  })

  /** An event that is in the store and could not be read when listeners were to hear of it; and what they hear. */
  async function unread(): Promise<readonly (number | undefined)[]> {
    const heard: (number | undefined)[] = []
    run.log.on('contact.added', ({ seq }) => heard.push(seq))
    const { seq, operation } = run.log.append(added)
    await run.records.commit([operation])
    await disk.store.close()
    run.log.written(seq)
    await settle()
    await disk.store.open()
    return heard
  }

  test('what cannot be read when it is written, listeners hear before the next event', async () => {
    const heard = await unread()
    expect(run.errors).toHaveLength(1)
    await run.commit(added)
    await settle()
    expect(heard).toEqual([1, 2])
  })

  test('or after a batch that failed, though nothing of that is there', async () => {
    const heard = await unread()
    disk.fault = 'full'
    await expect(run.commit(added)).rejects.toMatchObject({ code: 'ERR_FULL' })
    disk.fault = 'none'
    await run.log.recover()
    await settle()
    expect(heard).toEqual([1])
  })

  test('what was written before they listened is nothing for listeners', async () => {
    const heard: (number | undefined)[] = []
    await run.commit(added)
    run.log.on('contact.added', ({ seq }) => heard.push(seq))
    await run.commit(added)
    await settle()
    expect(heard).toEqual([2])
  })

  test('a stream ends with the node, one that is opened later ends at once', async () => {
    const stream = run.collect({})
    await settle()
    run.log.stop()
    await stream.done
    await run.collect({ from: 'start' }).done
  })

  test('a stream ends with the reason of its signal', async () => {
    const leave = new AbortController()
    const stream = run.collect({ signal: leave.signal })
    await settle()
    leave.abort(new Error('enough'))
    await expect(stream.done).rejects.toThrow('enough')
  })

  test('numbers of a batch that failed are given again', async () => {
    await run.commit(added)
    disk.fault = 'full'
    await expect(run.commit(added, requested)).rejects.toMatchObject({ code: 'ERR_FULL' })
    await expect(run.commit(added)).rejects.toMatchObject({ code: 'ERR_FULL' })
    disk.fault = 'none'
    expect(await run.commit(requested)).toEqual([2])
    const stream = run.collect({ from: 'start' })
    await settle()
    expect(stream.seqs).toEqual([1, 2])
    run.log.stop()
  })

  test('a batch that failed and is there all the same keeps its numbers, and is told', async () => {
    const stream = run.collect({})
    await settle()
    disk.fault = 'unsure'
    await expect(run.commit(added, requested)).rejects.toMatchObject({ code: 'ERR_IO' })
    disk.fault = 'none'
    // The store says once more that something came back.
    await run.commit(added).catch(() => undefined)
    const [seq] = await run.commit(added)
    await settle()
    expect(seq).toBeGreaterThanOrEqual(3)
    expect(stream.seqs).toEqual(Array.from({ length: seq ?? 0 }, (_, at) => at + 1))
    run.log.stop()
  })
})
