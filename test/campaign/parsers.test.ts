/** A short campaign, and the list of parsers held against what the folders export. `npm run campaign` is the long one. */
import { describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { DecodeError } from '../../protocol/errors.ts'
import { sourcesOf } from '../support/sources.ts'
import { allParsers } from './all-parsers.ts'
import type { Parser } from './parser.ts'
import { CampaignError, holdToLaws, parser } from './parser.ts'
import { NO_COUNTS, inputOf, runParser } from './run.ts'

const INPUTS = process.env['SLOW'] === '1' ? 100_000 : 1000

const parsers = await allParsers()

/** What reads, by its name. */
const READS =
  /^export (?:async )?(?:function|class|const) ((?:decode|parse|read|verify|open|from|accept|checked|take|unseal)[A-Z]\w*|\w+(?:Decoder|Splitter)|RecordPolicy|accountKey|accountOf|address(?:Text|Texts|Prefix)|messageId|hoistCommonFlags|provenBy|sanitize\w+)\b/gm

/** What is named so and reads nothing from outside, or has its bytes read by one of the others. */
const OTHERS: Readonly<Record<string, string>> = {
  'cli readKey': 'hands lines on to age',
  'cli readLink': 'hands a line on',
  'cli readPassphrase': 'hands bytes on',
  'cli readSeal': 'hands bytes on',
  'cli readSettings': 'parseSettings, with a file',
  'cli openOwnNode': 'opens a node',
  'mailbox openMailbox': 'opens a folder',
  'mailbox readDue': 'names of our own records',
  'mailbox readExpiryName': 'names of our own records',
  'mailbox verifyBackup': 'decodeBackup, with a file',
  'net openHome': 'opens a folder',
  'net openSource': 'opens a folder',
  'net verifyBackup': 'decodeBackup, with a file',
  'net openLevel': 'opens a database',
  'net readClosed': 'openIdentity, with a file',
  'net readKeyFile': 'a line of a fixed form',
  'net readHomeIdentity': 'openIdentity, with a file',
  'net readVersion': 'our own package.json',
  'node verifyBackup': 'decodeBackup, with a file',
  'node takeLost': 'ranges that decodeContent has checked',
  'node openEnvelope': 'openMessage and acceptSession, with a store',
  'node takeContent': 'decodeContent, with a store',
  'protocol openBytes': 'a primitive',
  'protocol decodeExact': 'part of the others',
  'protocol decodeExtensible': 'part of the others',
}

test('every exported function that reads something is in the campaign', () => {
  const covered = new Set(parsers.flatMap(({ covers }) => covers))
  const found = sourcesOf('protocol', 'net', 'node', 'mailbox', 'daemon', 'cli').flatMap((file) =>
    [...file.code.matchAll(READS)].map(([, name]) => `${file.path.replace(/\/.*/, '')} ${name}`),
  )
  expect(found.filter((name) => !covered.has(name) && !(name in OTHERS))).toEqual([])
  const known = [...covered, ...Object.keys(OTHERS)]
  expect(known.filter((name) => !found.includes(name))).toEqual([])
})

test('parsers are told apart by their names', () => {
  const names = parsers.map(({ name }) => name)
  expect(names.filter((name, i) => names.indexOf(name) !== i)).toEqual([])
})

describe('the campaign', () => {
  test.each(parsers)('finds nothing in: $name', async (entry) => {
    const { failures, accepted } = await runParser(entry, 'short', NO_COUNTS, { until: INPUTS })
    expect(failures).toEqual([])
    if (entry.name !== 'header from a hostile contact') expect(accepted).toBeGreaterThan(0)
  })

  test('makes the same inputs of the same seed, and others of another', () => {
    const inputs = (seed: string): readonly string[] =>
      parsers.flatMap((entry) => [7, 8].map((number) => toHex(inputOf(entry, seed, number))))
    expect(inputs('a')).toEqual(inputs('a'))
    expect(inputs('a')).not.toEqual(inputs('b'))
  })

  test('goes on where it ended', async () => {
    const [entry] = parsers
    if (entry === undefined) throw new Error('no parsers')
    const half = await runParser(entry, 'x', NO_COUNTS, { until: 50 })
    const whole = await runParser(entry, 'x', half, { until: 100 })
    const { inputs, accepted } = await runParser(entry, 'x', NO_COUNTS, { until: 100 })
    expect([whole.inputs, whole.accepted]).toEqual([inputs, accepted])
  })
})

describe('a law', () => {
  const sound = {
    ...{ name: 'byte', covers: [], errors: [DecodeError], examples: [Uint8Array.of(1)] },
    shape: 'bytes' as const,
  }
  const broken: Readonly<Record<string, Parser>> = {
    'no error but its own': parser({
      ...sound,
      read: () => {
        throw new RangeError()
      },
    }),
    'one form': parser({
      ...sound,
      accepted: 'exact',
      read: () => 1,
      write: () => new Uint8Array(2),
    }),
    'what it wrote is read': parser({
      ...sound,
      read: (input) => {
        if (input.length !== 1) throw new DecodeError('ERR_MALFORMED')
        return 1
      },
      write: () => new Uint8Array(2),
    }),
    'written as it was read': parser({
      ...sound,
      read: ([first = 0]) => first,
      write: (value) => Uint8Array.of(value + 1),
    }),
    'only what somebody made': parser({
      ...{ ...sound, examples: [] },
      ...{ accepted: 'authentic', read: () => 1 },
    }),
    'what is read can be written': parser({
      ...sound,
      read: () => 1,
      write: () => {
        throw new RangeError()
      },
    }),
  }

  test.each(Object.entries(broken))('that is broken is noticed: %s', async (_, entry) => {
    await expect(holdToLaws(entry, Uint8Array.of(1))).rejects.toThrow(CampaignError)
  })
})
