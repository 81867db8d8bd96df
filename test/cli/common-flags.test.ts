import { expect, test } from 'vitest'
import { hoistCommonFlags } from '../../cli/common-flags.ts'

const hoist = (line: string, environment = {}) => hoistCommonFlags(line.split(' '), environment)

test('common flags are lifted from anywhere, the rest keeps its order', () => {
  const { flags, rest } = hoist('--json send --home /x bob --timeout=5s hi -q --wait read')
  expect(rest).toEqual(['send', 'bob', 'hi', '--wait', 'read'])
  expect(flags).toMatchObject({ json: true, home: '/x', timeout: 5000, quiet: true })
})

test('what follows -- is never touched', () => {
  expect(hoist('send bob -- --json').rest).toEqual(['send', 'bob', '--', '--json'])
  expect(hoist('send bob -- --json').flags.json).toBe(false)
})

test('the environment speaks where no flag does, and a flag wins', () => {
  const environment = {
    ...{ SOTTO_HOME: '/env', SOTTO_PROFILE: 'work', SOTTO_OUTPUT: 'json', SOTTO_NO_INPUT: '1' },
    ...{ SOTTO_TIMEOUT: '1m', SOTTO_PASSPHRASE_FILE: '/secret', SOTTO_VIA: 'embedded' },
  }
  const { flags } = hoist('status --home /flag', environment)
  expect(flags).toMatchObject({
    ...{ home: '/flag', profile: 'work', json: true, noInput: true, timeout: 60_000 },
    ...{ passphraseFile: '/secret', via: 'embedded' },
  })
  expect(hoist('status', { SOTTO_NO_INPUT: '0', SOTTO_HOME: '' }).flags).toMatchObject({
    noInput: false,
    home: undefined,
  })
})

test.each([
  ['--timeout'],
  ['--home --'],
  ['--timeout 5'],
  ['--timeout 1y'],
  ['--via sideways'],
  ['-P ../x'],
  ['--profile .'],
])('%s is refused as a usage error', (line) => {
  expect(() => hoist(line)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }))
})

test('a word is no flag for being the name of something that every object has', () => {
  expect(hoist('send constructor toString __proto__').rest).toEqual(
    'send constructor toString __proto__'.split(' '),
  )
})
