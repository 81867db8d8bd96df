// The parts of a monitor, with a clock that is moved by hand.
import { afterEach, beforeAll, expect, test } from 'vitest'
import { Health } from '../../mailbox/monitor/health.ts'
import { isLoopback } from '../../mailbox/monitor/http.ts'
import { EventLog } from '../../mailbox/monitor/log.ts'
import { Monitor } from '../../mailbox/monitor/monitor.ts'
import { ready } from '../../protocol/crypto.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import type { LogLevel } from '../../mailbox/monitor/log.ts'
import type { MailboxServiceStatus } from '../../mailbox/service.ts'

const MINUTE = 60_000
const DAY = 24 * 60 * MINUTE
const random = seededRandom('monitor')

beforeAll(() => ready)
const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

function health(problem: () => Promise<string | undefined>, isVital = true) {
  const clock = new ManualClock()
  const changes: (string | undefined)[] = []
  const made = new Health({
    checks: [{ name: 'one', isVital, problem }],
    ...{ clock, now: () => clock.now(), onChange: (_, now) => void changes.push(now) },
  })
  endings.push(() => made.stop())
  return { made, clock, changes }
}

test('a check that fails is told of once, and once when it succeeds again', async () => {
  let problem: string | undefined
  const { made, clock, changes } = health(async () => problem)
  expect(made.isReady).toBe(false)
  await made.start()
  expect(made.isReady).toBe(true)
  problem = 'broken'
  await clock.advance(20_000)
  expect(made.results).toMatchObject([{ name: 'one', ok: false, problem: 'broken' }])
  expect(made.isReady).toBe(false)
  problem = undefined
  await clock.advance(20_000)
  expect([made.isReady, changes]).toEqual([true, ['broken', undefined]])
  await made.stop()
  expect(made.isReady).toBe(false)
})

test('a check that rejects or does not end fails, and one that is not vital stops nobody', async () => {
  const { made } = health(() => Promise.reject(new Error('a secret')), false)
  await made.start()
  expect(made.results).toMatchObject([{ ok: false, problem: 'cannot be checked' }])
  expect(made.isReady).toBe(true)
  const stuck = health(() => new Promise(() => undefined))
  const starting = stuck.made.start()
  await stuck.clock.advance(3000)
  await starting
  expect(stuck.made.results).toMatchObject([{ ok: false, problem: 'takes too long' }])
})

test('what nobody has looked at for long counts as wrong', async () => {
  const clock = new ManualClock()
  let now = 0
  const check = { name: 'one', isVital: true, problem: async () => undefined }
  const made = new Health({ checks: [check], clock, now: () => now, onChange: () => undefined })
  endings.push(() => made.stop())
  await made.start()
  now = 30_000
  expect(made.results).toMatchObject([{ ok: true, ageMs: 30_000 }])
  now = 31_000 // and no timer has run
  expect(made.results).toMatchObject([{ ok: false, problem: 'was not looked at' }])
})

interface Line {
  readonly event: string
  readonly owner?: string
}

function log(level: LogLevel) {
  const clock = new ManualClock()
  const lines: Line[] = []
  const write = (line: string): void => void lines.push(JSON.parse(line) as Line)
  const made = new EventLog({ write, level: () => level, clock, random })
  return { made, clock, lines }
}

const ada = new Uint8Array(32).fill(1)
const bob = new Uint8Array(32).fill(2)

function deposit(owner: Uint8Array, result: 'accepted' | 'quota' | 'rate' = 'accepted') {
  return { kind: 'deposit', owner, result, bytes: 10, ms: 1 } as const
}

test('a flood makes a line a minute, for each kind of event', async () => {
  const { made, clock, lines } = log('info')
  for (let n = 0; n < 1000; n++) made.observe(deposit(n % 2 === 0 ? ada : bob, 'rate'))
  made.observe(deposit(ada, 'quota'))
  made.observe({ kind: 'limit', bucket: 'deposits' })
  expect(lines).toEqual([])
  await clock.advance(MINUTE)
  expect(lines).toMatchObject([
    { event: 'deposit.refused', result: 'rate', count: 1000 },
    { event: 'quota.refused', count: 1 },
    { event: 'rate.limited', bucket: 'deposits', count: 1 },
  ])
  await clock.advance(10 * MINUTE)
  expect(lines).toHaveLength(3)
})

test('names in the log are those of one day and one log', async () => {
  const { made, clock, lines } = log('debug')
  const other = log('debug')
  for (const owner of [ada, bob, ada]) made.observe(deposit(owner))
  await clock.advance(DAY)
  made.observe(deposit(ada))
  other.made.observe(deposit(ada))
  const [first, second, third, nextDay] = lines.map(({ owner }) => owner)
  expect(first).toMatch(/^[0-9a-f]{32}$/)
  expect(third).toBe(first)
  expect(new Set([first, second, nextDay, other.lines[0]?.owner]).size).toBe(4)
})

test('a level says what is left out', async () => {
  const events = (level: LogLevel): readonly string[] => {
    const { made, lines } = log(level)
    made.observe({ kind: 'expire', envelopes: 3 })
    made.observe({ kind: 'store-failure' })
    made.observe({ kind: 'sync', ms: 1 })
    made.say('warn', 'check.failed')
    made.stop()
    return lines.map(({ event }) => event)
  }
  expect(events('error')).toEqual(['store.failed'])
  expect(events('warn')).toEqual(['check.failed', 'store.failed'])
  expect(events('info')).toEqual(['expire', 'check.failed', 'store.failed'])
})

const STATUS: MailboxServiceStatus = {
  ...{ members: 1, suspended: 0, boxes: 0, channels: 0, waiting: 0, waitingBytes: 0 },
  ...{ oneTimePairs: 0, accepted: 0, removed: 0, acknowledged: 0, expired: 0 },
  ...{ republished: 0, restoredAt: 0, damaged: 0, draining: false },
}

async function monitored(
  status: Partial<MailboxServiceStatus>,
  parts: { addresses?: number } = {},
) {
  const clock = new ManualClock()
  const monitor = new Monitor({
    ...{ clock, random, dir: undefined, listen: { host: '127.0.0.1', port: 0 } },
  })
  endings.push(() => monitor.stop())
  await monitor.start({
    status: async () => ({ ...STATUS, ...status }),
    oldestMs: async () => 90_000,
    diskBudget: () => 1000,
    connections: () => [],
    listening: () => parts.addresses ?? 1,
  })
  const { host = '', port = 0 } = monitor.endpoint ?? {}
  const ask = async (path: string) => {
    const answer = await fetch(`http://${host}:${port}${path}`)
    return { status: answer.status, body: await answer.text() }
  }
  return { monitor, clock, ask }
}

test('a mailbox whose last write failed is not ready, until one succeeds', async () => {
  const { monitor, clock, ask } = await monitored({})
  expect((await ask('/readyz')).status).toBe(200)
  monitor.observe({ kind: 'store-failure' })
  await clock.advance(5000)
  const failed = { status: 503, body: 'store: the last write to the store failed\n' }
  expect(await ask('/readyz')).toEqual(failed)
  expect((await ask('/health')).status).toBe(503)
  expect((await ask('/livez')).status).toBe(200)
  expect((await ask('/metrics')).body).toContain('\nsotto_mailbox_ready 0\n')
  monitor.observe({ kind: 'sync', ms: 1 })
  await clock.advance(5000)
  expect((await ask('/readyz')).status).toBe(200)
  await monitor.ending()
  expect((await ask('/readyz')).status).toBe(503)
})

test('neither is one that has used up its budget or listens nowhere; missing mail is shown', async () => {
  const full = await monitored({ waitingBytes: 900 })
  expect((await full.ask('/readyz')).body).toContain('budget')
  const deaf = await monitored({}, { addresses: 0 })
  expect((await deaf.ask('/readyz')).body).toContain('listener')
  const { ask } = await monitored({ accepted: 5, removed: 2, waiting: 1 })
  expect((await ask('/readyz')).status).toBe(200)
  expect((await ask('/health')).body).toContain('2 envelopes are missing')
  const { body } = await ask('/metrics')
  expect(body).toContain('\nsotto_mailbox_balance 2\n')
  expect(body).toContain('\nsotto_mailbox_check{check="balance"} 0\n')
  expect(body).toContain('\nsotto_mailbox_oldest_message_seconds 90\n')
})

test('what is told is counted under labels that are known beforehand', async () => {
  const { monitor, ask } = await monitored({ accepted: 2, removed: 2, acknowledged: 1 })
  monitor.observe(deposit(ada))
  monitor.observe(deposit(ada, 'quota'))
  monitor.observe({ kind: 'oversized' })
  monitor.observe({ kind: 'fetch', owner: ada, envelopes: 2, bytes: 30 })
  monitor.observe({ kind: 'join', account: ada, joined: false })
  monitor.observe({ kind: 'limit', bucket: 'prekeys' })
  monitor.observe({ kind: 'store', call: 'read', ms: 3 })
  monitor.connected('ws')
  monitor.dialFailed('tcp', 'refused')
  const { body } = await ask('/metrics')
  for (const line of [
    'sotto_mailbox_deposits_total{result="accepted"} 2',
    'sotto_mailbox_deposits_total{result="quota"} 1',
    'sotto_mailbox_deposits_total{result="too_large"} 1',
    'sotto_mailbox_expired_total{reason="removed"} 1',
    'sotto_mailbox_deposit_bytes_total 10',
    'sotto_mailbox_fetched_total 2',
    'sotto_mailbox_fetch_bytes_total 30',
    'sotto_mailbox_invites_total{event="refused"} 1',
    'sotto_rate_limited_total{bucket="prekeys"} 1',
    'sotto_mailbox_store_op_seconds_count{op="read"} 1',
    'sotto_connections_opened_total{transport="ws"} 1',
    'sotto_dial_failures_total{transport="tcp",reason="refused"} 1',
  ])
    expect(body.split('\n')).toContain(line)
})

test('loopback is what only this computer reaches', () => {
  const inside = ['127.0.0.1', '127.1.2.3', '::1', 'localhost']
  const outside = ['0.0.0.0', '::', '10.0.0.1', 'localhost.example', '127.evil.example']
  expect(inside.filter((host) => !isLoopback(host))).toEqual([])
  expect(outside.filter(isLoopback)).toEqual([])
})
