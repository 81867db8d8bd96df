import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { ALL_KEYS } from '../../mailbox/config/keys.ts'
import { ConfigError, readConfig } from '../../mailbox/config/read.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import type { ConfigSources } from '../../mailbox/config/read.ts'

const file = (text: string): ConfigSources => ({ file: { path: 'm.toml', text } })

function problems(sources: ConfigSources): readonly string[] {
  try {
    readConfig(sources)
  } catch (cause) {
    if (cause instanceof ConfigError) return cause.problems
    throw cause
  }
  return []
}

test('without any source everything is as the program has it', () => {
  const { config, sources } = readConfig({})
  expect(config.policy).toEqual({ join: 'invite', members: [], new_members: true })
  expect(config.quota.per_member_bytes).toBe(DEFAULT_LIMITS.ownerBytes)
  expect(config.quota.strangers_bytes).toBe(DEFAULT_LIMITS.strangerBytes)
  expect(config.rate.deposits_per_address).toEqual({ burst: 10_000, perSecond: 500 })
  expect(config.rate.wrong_invitations).toEqual({ burst: 20, perSecond: 0.1 })
  expect(new Set([...sources.values()].map(({ origin }) => origin))).toEqual(new Set(['default']))
})

test('a flag goes before the environment, that before the file, that before the default', () => {
  const given = {
    ...file('[quota]\nmembers = 5\ndisk_budget = "1GiB"\n[policy]\njoin = "open"\n'),
    environment: {
      SOTTO_QUOTA__MEMBERS: '6',
      SOTTO_POLICY__JOIN: 'allow-list',
      SOTTO_LOG__LEVEL: '',
    },
    flags: { 'quota.members': 7 },
  }
  const { config, sources } = readConfig(given)
  expect([config.quota.members, config.policy.join, config.quota.disk_budget]).toEqual([
    7,
    'allow-list',
    1024 ** 3,
  ])
  expect(
    ['quota.members', 'policy.join', 'quota.disk_budget', 'log.level'].map(
      (path) => sources.get(path)?.origin,
    ),
  ).toEqual(['flag', 'environment', 'file', 'default'])
})

test('the environment gives lists as JSON', () => {
  const environment = {
    SOTTO_HOST__LISTEN: '["tcp/1", "ws/2", "/ip6/::/tcp/3"]',
    SOTTO_HOST__LAN: 'true',
  }
  const { host } = readConfig({ environment }).config
  expect(host.lan).toBe(true)
  expect(host.listen).toEqual(['/ip4/0.0.0.0/tcp/1', '/ip4/0.0.0.0/tcp/2/ws', '/ip6/::/tcp/3'])
})

test('every problem is told at once, with its place and what may have been meant', () => {
  const text = `
[quotas]
a = 1
[quota]
disk_bugdet = "1GiB"
per_member_bytes = "50MB"
keep_messages = "30d"
[policy]
join = "closed"
members = ["12D3"]
[host]
listen = ["nowhere"]
[metrics]
listen = "9464"
`
  const environment = { SOTTO_RATE__PREKEYS: 'many', SOTTO_HOST__LAN: 'maybe' }
  expect(problems({ ...file(text), environment })).toEqual([
    'm.toml: unknown section: "quotas", did you mean quota?',
    'm.toml: unknown key in [quota]: "disk_bugdet", did you mean disk_budget?',
    'm.toml: host.listen must be a list of addresses such as "/ip4/0.0.0.0/tcp/4601"',
    'SOTTO_HOST__LAN must be true or false',
    'm.toml: policy.join must be one of "invite", "allow-list", "open"',
    'm.toml: policy.members must be a list of PeerIds such as "12D3KooW…"',
    'm.toml: quota.per_member_bytes must be a size such as "50MiB" or "20GiB"',
    'm.toml: quota.keep_messages must be at most "21d"',
    'SOTTO_RATE__PREKEYS must be a rate such as "60 burst, 1/5s"',
    'm.toml: metrics.listen must be an address such as "127.0.0.1:9464", or "off"',
  ])
})

test.each([
  ['[quota]\nmembers = "many', 'm.toml: line 2, column 11:'],
  ['[quota]\nmembers = 1\nmembers = 2', 'm.toml: line 3, column'],
  ['policy = 1', 'm.toml: policy must be a section: [policy]'],
  ['[__proto__]\na = 1', 'm.toml: unknown section: "__proto__"'],
  ['[quota]\ntoString = 1', 'm.toml: unknown key in [quota]: "toString"'],
  ['xyzzyxyzzy = 1', 'known: host, policy, quota, rate, metrics, log'],
  [`# ${'x'.repeat(300_000)}`, 'it is too long'],
])('%# is refused', (text, problem) => {
  expect(problems(file(text)).join('\n')).toContain(problem)
})

test.each([
  ['metrics.listen', 'off', undefined],
  ['metrics.listen', '[::1]:80', { host: '::1', port: 80 }],
  ['metrics.listen', '127.0.0.1:65536', Error],
  ['quota.keep_messages', '0s', Error],
  ['quota.keep_messages', '12h', 43_200_000],
  ['quota.members', 1.5, Error],
  ['rate.prekeys', '0 burst, 1/s', Error],
  ['rate.prekeys', '5 burst, 0/m', { burst: 5, perSecond: 0 }],
  ['rate.prekeys', '5 burst, 1/0s', Error],
  ['host.data', 'x'.repeat(1025), Error],
])('%s = %j', (path, raw, value) => {
  const sources = { flags: { [path]: raw } }
  if (value === Error) {
    expect(problems(sources)).toHaveLength(1)
  } else {
    const [section = '', name = ''] = path.split('.')
    expect(readConfig(sources).config).toMatchObject({ [section]: { [name]: value } })
  }
})

test('the page lists every key as it is', async () => {
  const page = await readFile(new URL('../../docs/configuration.md', import.meta.url), 'utf8')
  const cells = page
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    )
  expect(cells).toEqual(
    ALL_KEYS.map(({ path, variable, byDefault, reloads, brief }) => [
      `\`${path}\``,
      `\`${variable}\``,
      `\`${JSON.stringify(byDefault)}\``,
      reloads ? 'yes' : 'at a start',
      brief,
    ]),
  )
})
