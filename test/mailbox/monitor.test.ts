// A real mailbox, watched over HTTP and by its log while people use it.
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { hostMailbox } from '../../mailbox/main.ts'
import { MailboxClient } from '../../net/mailbox-client.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { testAccount } from '../support/accounts.ts'
import { testPeer } from '../support/network.ts'
import { envelope } from './world.ts'
import type { HostMailboxOptions, MailboxHost } from '../../mailbox/main.ts'
import type { LogLevel } from '../../mailbox/monitor/log.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { Account } from '../../protocol/account.ts'
import type { TestPeer } from '../support/network.ts'

const endings: (() => Promise<unknown>)[] = []
beforeAll(() => ready)
afterEach(async () => {
  for (const end of endings.splice(0).toReversed()) await end()
})

const signal = () => AbortSignal.timeout(30_000)

interface Watched {
  readonly host: MailboxHost
  readonly lines: string[]
}

async function watched(
  level: LogLevel,
  options: Partial<HostMailboxOptions> = {},
): Promise<Watched> {
  const lines: string[] = []
  const host = await hostMailbox({
    profile: { memory: true },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    monitor: {
      listen: { host: '127.0.0.1', port: 0 },
      log: { write: (line) => void lines.push(line), level: () => level },
    },
    ...options,
  })
  endings.push(() => host.stop())
  return { host, lines }
}

interface Answer {
  readonly status: number
  readonly body: string
}

function ask(host: MailboxHost, path: string, options: { method?: string; name?: string } = {}) {
  const { monitor } = host
  if (monitor === undefined) throw new Error('nothing is served')
  const { method = 'GET', name = 'localhost' } = options
  return new Promise<Answer>((resolve, reject) => {
    const headers = { host: name }
    const asked = request({ host: monitor.host, port: monitor.port, path, method, headers })
    asked.on('error', reject)
    asked.on('response', (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (part: string) => void (body += part))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    asked.end()
  })
}

interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

async function samples(host: MailboxHost): Promise<readonly Sample[]> {
  const { status, body } = await ask(host, '/metrics')
  expect(status).toBe(200)
  return body.split('\n').flatMap((line): Sample[] => {
    const [, name, labels = '', value] = /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line) ?? []
    if (name === undefined) return []
    const pairs = [...labels.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)]
    const read = Object.fromEntries(pairs.map(([, key = '', text = '']) => [key, text]))
    return [{ name, labels: read, value: Number(value) }]
  })
}

function valueOf(all: readonly Sample[], name: string, labels: Record<string, string> = {}) {
  const fits = (one: Sample) => Object.entries(labels).every(([k, v]) => one.labels[k] === v)
  return all.find((one) => one.name === name && fits(one))?.value
}

async function peer(account: Account): Promise<TestPeer> {
  const made = await testPeer({ account, listen: [] })
  endings.push(() => made.stop())
  return made
}

/** Somebody who has joined and fetches; what comes is kept, and acknowledged on demand. */
async function owner(host: MailboxHost) {
  const account = testAccount(random)
  const { wire } = await peer(account)
  const items: MailboxItem[] = []
  let arrived = Promise.withResolvers<void>()
  const client = new MailboxClient({
    ...{ wire, mailbox: host.peer, addresses: host.addresses, clock, random, owner: account },
    onItems: (more) => {
      items.push(...more)
      arrived.resolve()
      arrived = Promise.withResolvers()
    },
  })
  endings.push(() => client.close())
  await client.join(decodeMailboxLink(host.link).joinSecret, { signal: signal() })
  const take = async (count: number): Promise<void> => {
    await client.fetch({ signal: signal() })
    while (items.length < count) await arrived.promise
    await client.acknowledge(
      items.map(({ id }) => id),
      { signal: signal() },
    )
  }
  return { account, client, take }
}

async function sender(host: MailboxHost) {
  const account = testAccount(random)
  const { wire } = await peer(account)
  const base = { wire, mailbox: host.peer, addresses: host.addresses, clock, random }
  const client = new MailboxClient(base)
  endings.push(() => client.close())
  const leave = async (to: Account, length = 300): Promise<void> => {
    const bytes = envelope(toHex(random(8)), { length })
    await client.deposit(
      { owner: to.key, depositId: random(16), envelope: bytes },
      { signal: signal() },
    )
  }
  return { account, leave }
}

test('what people do is in the metrics, adds up, and goes on after a restart', async () => {
  const dir = join(await mkdtemp(join(tmpdir(), 'sotto-monitor-')), 'box')
  endings.unshift(() => rm(join(dir, '..'), { recursive: true, force: true }))
  const { host } = await watched('info', { profile: { dir } })
  const ada = await owner(host)
  const bob = await owner(host)
  const { leave } = await sender(host)
  for (let n = 0; n < 3; n++) await leave(ada.account)
  await leave(bob.account, 500)
  await ada.take(3)
  const check = (all: readonly Sample[]): void => {
    const read = (name: string, labels?: Record<string, string>) =>
      valueOf(all, `sotto_${name}`, labels)
    expect(read('mailbox_members', { status: 'active' })).toBe(2)
    expect([read('mailbox_boxes'), read('mailbox_messages')]).toEqual([1, 1])
    expect(read('mailbox_stored_bytes', { kind: 'mail' })).toBe(500)
    expect(read('mailbox_deposits_total', { result: 'accepted' })).toBe(4)
    expect([read('mailbox_acked_total'), read('mailbox_deleted_total')]).toEqual([3, 3])
    expect(read('mailbox_balance')).toBe(0)
    expect(read('mailbox_ready')).toBe(1)
    expect(read('mailbox_disk_free_bytes')).toBeGreaterThan(0)
  }
  const first = await samples(host)
  check(first)
  const count = (name: string) => valueOf(first, `sotto_${name}_count`)
  expect(count('mailbox_deposit_seconds')).toBe(4)
  expect(count('mailbox_residence_seconds')).toBe(3)
  expect(count('mailbox_fsync_seconds')).toBeGreaterThan(4)
  expect(valueOf(first, 'sotto_mailbox_fetched_total')).toBe(3)
  expect(valueOf(first, 'sotto_connections', { transport: 'tcp' })).toBeGreaterThan(0)
  await host.stop()
  const again = await watched('info', { profile: { dir } })
  check(await samples(again.host))
})

test('no label, no line of the log and no answer names anybody', async () => {
  const { host, lines } = await watched('debug')
  const people = []
  for (let n = 0; n < 12; n++) people.push(await owner(host))
  const label = 'a label of the operator'
  const [first] = people
  if (first === undefined) throw new Error('nobody')
  const members = await host.operator.members()
  const member = members.find(({ account }) => toHex(account) === toHex(first.account.key))
  if (member === undefined) throw new Error('nobody has joined')
  await host.operator.setPolicy(member, { label, status: 'suspended' })
  const from = await sender(host)
  for (const { account, take } of people.slice(1)) {
    await from.leave(account)
    await take(1)
  }
  await from.leave(first.account).catch(() => undefined)
  const all = await samples(host)
  const values = new Set(all.flatMap(({ labels }) => Object.values(labels)))
  const known =
    /^(?:active|suspended|mail|folder|accepted|quota|policy|rate|too_large|error|age|removed|joined|refused|deposits|prekeys|all_prekeys|invitations|deposit|read|acknowledge|take_prekey|put_prekeys|bundle|expire|store|disk|budget|listener|balance|event-loop|tcp|ws|other|inbound|outbound|v?\d[\d.]*|\+Inf)$/
  const ofNode = all.filter(({ name }) => /^(?:process|nodejs|libp2p)_/.test(name))
  expect(valueOf(all, 'libp2p_noise_decrypted_packets_total')).toBeGreaterThan(0)
  expect(all.filter(({ labels }) => 'address' in labels)).toEqual([])
  const nodes = new Set(ofNode.flatMap(({ labels }) => Object.values(labels)))
  expect([...values].filter((value) => !known.test(value) && !nodes.has(value))).toEqual([])
  await host.stop()
  const accounts = [...people, from].map(({ account }) => account)
  const bodies = [...lines, JSON.stringify(all)].join('\n')
  expect(bodies).toContain('deposit.accepted')
  for (const { key } of accounts) expect(bodies).not.toContain(toHex(key))
  expect(bodies).not.toMatch(/12D3Koo|127\.0\.0\.1|\/ip4|\/tcp|a label/)
  const names = lines.map((line) => (JSON.parse(line) as { readonly owner?: string }).owner)
  expect(new Set(names.filter((name) => name !== undefined)).size).toBe(people.length)
})

test('the log has a line for what matters, and sums of what is frequent', async () => {
  const { host, lines } = await watched('info')
  const ada = await owner(host)
  const { leave } = await sender(host)
  for (let n = 0; n < 3; n++) await leave(ada.account)
  await host.stop()
  const said = lines.map((line) => JSON.parse(line) as Record<string, unknown>)
  expect(said.map(({ event }) => event)).toEqual([
    'start',
    'member.joined',
    'deposit.accepted',
    'stop',
  ])
  expect(said[2]).toMatchObject({ level: 'info', count: 3, bytes: 900 })
  expect(said.every((line) => !('owner' in line))).toBe(true)
})

test('health is what the checks find', async () => {
  const dir = join(await mkdtemp(join(tmpdir(), 'sotto-monitor-')), 'box')
  endings.unshift(() => rm(join(dir, '..'), { recursive: true, force: true }))
  const { host } = await watched('info', { profile: { dir } })
  expect(await ask(host, '/livez')).toEqual({ status: 200, body: 'ok\n' })
  expect(await ask(host, '/readyz')).toEqual({ status: 200, body: 'ok\n' })
  const { body } = await ask(host, '/health')
  const report = JSON.parse(body) as { ready: boolean; checks: { name: string; ok: boolean }[] }
  expect(report.ready).toBe(true)
  expect(report.checks.map(({ name, ok }) => `${name} ${ok}`)).toEqual(
    ['store', 'disk', 'budget', 'listener', 'balance', 'event-loop'].map((name) => `${name} true`),
  )
})

test('only GET, only these paths, and to this computer only by its own names', async () => {
  const { host } = await watched('info')
  expect((await ask(host, '/health', { method: 'POST' })).status).toBe(405)
  expect((await ask(host, '/constructor')).status).toBe(404)
  expect((await ask(host, '/metrics?x')).status).toBe(404)
  expect((await ask(host, '/metrics', { name: 'evil.example' })).status).toBe(403)
  for (const name of ['localhost:9464', '127.0.0.1', '[::1]:9464'])
    expect((await ask(host, '/livez', { name })).status).toBe(200)
})

test('a port that is taken is told of, and nothing is left running', async () => {
  const { host } = await watched('info')
  const listen = host.monitor
  const again = watched('info', { monitor: { listen } })
  await expect(again).rejects.toThrow('EADDRINUSE')
})
