import { expect, test } from 'vitest'
import { networkOf, rulesOf } from '../../mailbox/config/apply.ts'
import { withKey } from '../../mailbox/config/edit.ts'
import { readConfig } from '../../mailbox/config/read.ts'
import { DEFAULT_LIMITS } from '../../mailbox/limits.ts'
import { DEFAULT_JOINING } from '../../mailbox/rules.ts'

const KEY = { section: 'policy', name: 'members' }
const FILE = `# ours
[policy] # who
join = "open" # everybody
members = [
  "a", # one
  "b",
]
members_note = 1

[quota]
members = 5
`

test('one key is set, and everything else stays as it is written', () => {
  expect(withKey(FILE, KEY, ['c'])).toBe(FILE.replace(/members = \[\n[^\]]*\]/, 'members = ["c"]'))
  expect(withKey(FILE, { section: 'policy', name: 'join' }, 'invite')).toBe(
    FILE.replace('join = "open" # everybody', 'join = "invite"'),
  )
  expect(withKey(FILE, { section: 'quota', name: 'members' }, 6)).toBe(
    FILE.replace('members = 5', 'members = 6'),
  )
})

test.each([
  ['', '[policy]\nmembers = ["a"]\n'],
  ['[quota]\nmembers = 5', '[quota]\nmembers = 5\n\n[policy]\nmembers = ["a"]\n'],
  ['[policy]\n[quota]\n', '[policy]\nmembers = ["a"]\n[quota]\n'],
])('a key that is not there is added: %j', (text, expected) => {
  expect(withKey(text, KEY, ['a'])).toBe(expected)
})

test.each(['policy = { join = "open" }', 'policy.join = "open"', '[policy]\n"members" = []'])(
  'what only a person can change is left: %j',
  (text) => expect(withKey(text, KEY, ['a'])).toBeUndefined(),
)

test('a value may hold whatever text', () => {
  const text = withKey('', { section: 'host', name: 'public' }, 'a"\\\n]é')
  expect(readConfig({ file: { path: 'x', text: text ?? '' } }).config.host.public).toBe('a"\\\n]é')
})

test('without a configuration the rules are those of the library', () => {
  const { limits, joining } = rulesOf(readConfig({}).config)
  expect(joining).toEqual(DEFAULT_JOINING)
  expect({ ...DEFAULT_LIMITS, ...limits }).toEqual(DEFAULT_LIMITS)
})

test('a public name is announced with the ports that are listened on', () => {
  const flags = { 'host.public': 'mail.example.org', 'host.listen': ['tcp/1', 'ws/2'] }
  expect(networkOf(readConfig({ flags }).config).announce).toEqual([
    '/dns/mail.example.org/tcp/1',
    '/dns/mail.example.org/tcp/2/ws',
  ])
  const own = { ...flags, 'host.announce': ['/ip4/192.0.2.1/tcp/9'] }
  expect(networkOf(readConfig({ flags: own }).config).announce).toEqual(['/ip4/192.0.2.1/tcp/9'])
  expect(networkOf(readConfig({}).config).announce).toBeUndefined()
})
