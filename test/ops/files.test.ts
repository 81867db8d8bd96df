// What operators are given: made from its description, and about metrics, flags and files that there are.
import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { ALL_KEYS } from '../../mailbox/config/keys.ts'
import { LoopLag } from '../../mailbox/monitor/lag.ts'
import { Health } from '../../mailbox/monitor/health.ts'
import { MailboxMetrics } from '../../mailbox/monitor/metrics.ts'
import { ALERTS } from '../../tools/ops/alerts.ts'
import { ROWS } from '../../tools/ops/dashboard.ts'
import { opsFiles } from '../../tools/ops/files.ts'
import { sotto } from '../cli/support.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { Snapshot } from '../../mailbox/monitor/snapshot.ts'

const root = new URL('../../', import.meta.url).pathname

function read(path: string): string {
  return readFileSync(join(root, path), 'utf8')
}

const SNAPSHOT: Snapshot = {
  status: {
    ...{ members: 1, suspended: 0, boxes: 0, channels: 0, waiting: 0, waitingBytes: 0 },
    ...{ oneTimePairs: 0, accepted: 0, removed: 0, acknowledged: 0, expired: 0 },
    ...{ republished: 0, restoredAt: 0, damaged: 0, draining: false },
  },
  ...{ oldestMs: 0, diskBudget: 1, diskFree: 1 },
  connections: [{ transport: 'tcp', direction: 'inbound', count: 1 }],
}

/** Names of all series that a scrape can bring, from its lines that declare them. */
async function exported(): Promise<ReadonlySet<string>> {
  const clock = new ManualClock()
  const health = new Health({ checks: [], clock, now: () => 0, onChange: () => undefined })
  const versions = { version: '1', node: '2', libp2p: '3' }
  const metrics = new MailboxMetrics({
    ...{ versions, health, lag: new LoopLag(), look: async () => SNAPSHOT },
  })
  const text = await metrics.text()
  const names = [...text.matchAll(/^# TYPE (\w+) (\w+)$/gm)].flatMap(([, name = '', type]) =>
    type === 'histogram' ? [`${name}_bucket`, `${name}_sum`, `${name}_count`] : [name],
  )
  return new Set(names)
}

/** Names of series in an expression. */
function named(expr: string): readonly string[] {
  return expr.match(/\b(?:sotto|process|nodejs)_\w+/g) ?? []
}

const queries = ROWS.flatMap(({ panels }) => panels.flatMap(({ queries: all }) => all))

test('what is made from a description is up to date: npm run ops', () => {
  for (const [path, text] of Object.entries(opsFiles())) expect(read(path)).toBe(text)
})

test('dashboard and alerts speak of metrics that there are', async () => {
  const names = await exported()
  const used = [...queries, ...ALERTS].flatMap(({ expr }) => named(expr))
  expect(used.length).toBeGreaterThan(40)
  expect(used.filter((name) => !names.has(name))).toEqual([])
})

test('the dashboard shows every metric of the mailbox', async () => {
  const shown = new Set(queries.flatMap(({ expr }) => named(expr)))
  const ours = [...(await exported())].filter((name) => name.startsWith('sotto_'))
  const missing = ours.filter((name) => !shown.has(name) && !/_(?:sum|count)$/.test(name))
  expect(missing).toEqual([])
})

test('each alert has its own name, and says what to do', () => {
  expect(new Set(ALERTS.map(({ name }) => name)).size).toBe(ALERTS.length)
  for (const { summary, action } of ALERTS)
    expect([summary, action].every((words) => words.length > 10)).toBe(true)
})

test('the JSON of the dashboard has a panel for each of ours, none over another', () => {
  const { panels } = JSON.parse(read('ops/grafana/dashboards/mailbox.json')) as {
    panels: { id: number; gridPos: { x: number; y: number; w: number; h: number } }[]
  }
  const count = ROWS.reduce((sum, { panels: all }) => sum + 1 + all.length, 0)
  expect(new Set(panels.map(({ id }) => id)).size).toBe(count)
  const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) =>
    Array.from({ length: w * h }, (_, n) => `${x + (n % w)} ${y + Math.floor(n / w)}`),
  )
  expect(new Set(cells).size).toBe(cells.length)
  expect(panels.every(({ gridPos: { x, w } }) => x + w <= 24)).toBe(true)
})

/** Each instruction with its arguments, lines that go on joined. */
function instructions(path: string): readonly (readonly [string, string])[] {
  const text = read(path)
    .replaceAll(/^#.*\n/gm, '')
    .replaceAll('\\\n', ' ')
  return text.split('\n').flatMap((line) => {
    const [, name = '', rest = ''] = /^([A-Z]+)\s+(.*)$/.exec(line) ?? []
    if (line.trim() === '') return []
    return [[name, rest.replaceAll(/\s+/g, ' ')] as const]
  })
}

const DOCKERFILE = 'ops/docker/Dockerfile'
const KNOWN =
  /^(?:FROM|LABEL|WORKDIR|COPY|RUN|USER|ENV|VOLUME|EXPOSE|STOPSIGNAL|HEALTHCHECK|ENTRYPOINT|CMD)$/

test('the Dockerfile says what Docker knows, copies what there is, and does not run as root', () => {
  const all = instructions(DOCKERFILE)
  expect(all.filter(([name]) => !KNOWN.test(name))).toEqual([])
  const of = (wanted: string) => all.flatMap(([name, rest]) => (name === wanted ? [rest] : []))
  expect(of('USER')).toEqual(['65532:65532'])
  expect(all.findLastIndex(([name]) => name === 'RUN')).toBeLessThan(
    all.findIndex(([name]) => name === 'USER'),
  )
  // What is made while building is not in the repository.
  const made = ['node_modules', 'dist']
  const sources = of('COPY').flatMap((rest) =>
    rest.replace('--from=build', '').trim().split(' ').slice(0, -1),
  )
  const missing = sources
    .map((path) => path.replace(/^\/app\//, ''))
    .filter((path) => !made.includes(path) && !existsSync(join(root, path)))
  expect(missing).toEqual([])
  for (const command of of('CMD')) expect(Array.isArray(JSON.parse(command))).toBe(true)
})

test('compose mounts what there is, publishes no metrics, and gives no rights away', () => {
  const path = 'ops/docker/compose.yaml'
  const text = read(path)
  const paths = [...text.matchAll(/'(\.\.?\/[^:']*):/g)].map(([, source = '']) => source)
  expect(paths.length).toBeGreaterThan(2)
  const from = dirname(join(root, path))
  expect(paths.filter((source) => !existsSync(join(from, source)))).toEqual([])
  const ports = [...text.matchAll(/ports: \[(.*)\]/g)].flatMap(([, list = '']) => list.split(', '))
  expect(ports).toEqual([
    "'4601:4601'",
    "'4602:4602'",
    "'127.0.0.1:9090:9090'",
    "'127.0.0.1:3000:3000'",
  ])
  for (const line of ['read_only: true', 'cap_drop: [ALL]', "['no-new-privileges:true']"])
    expect(text).toContain(line)
  expect(text).not.toMatch(/\t|docker\.sock|privileged: true/)
})

const STARTERS = [
  'ops/systemd/sotto-mailbox.service',
  'ops/systemd/sotto-mailbox-backup.service',
  DOCKERFILE,
  'ops/docker/compose.yaml',
]

test('unit, image and compose run commands that there are, with flags and keys that they have', async () => {
  const text = STARTERS.map(read).join('\n')
  const commands = [...text.matchAll(/\bsotto (mailbox [^;|\n']*?)(?=[;'"]?$|;|'|")/gm)].map(
    ([, line = '']) => line.trim(),
  )
  expect(commands.length).toBe(5)
  for (const line of commands) {
    const words = line.split(' ')
    const { exit, stdout: help } = await sotto([...words, '--help'])
    const flags = words.filter((word) => word.startsWith('--') && word !== '--no-input')
    expect([line, exit, flags.filter((flag) => !help.includes(flag))]).toEqual([line, 0, []])
  }
  const keys = [...text.matchAll(/\b(SOTTO_[A-Z]+__[A-Z_]+)/g)].map(([name]) => name)
  expect(keys.length).toBe(3)
  const known = ALL_KEYS.map(({ variable }) => variable)
  expect(keys.filter((key) => !known.includes(key))).toEqual([])
})
