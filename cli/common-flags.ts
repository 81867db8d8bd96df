// Flags that every command takes and that may stand anywhere on the line. They are lifted out before the parser of the
// commands sees the rest; what follows `--` is never touched.

import { SottoError } from '../node/errors.ts'
import { parseDuration } from './duration.ts'

/** What the common flags and their environment variables say. */
export interface CommonFlags {
  /** Everything under this folder, instead of a profile of the user. */
  readonly home: string | undefined
  readonly profile: string
  readonly json: boolean
  readonly quiet: boolean
  readonly noColor: boolean
  readonly ascii: boolean
  /** Never ask. */
  readonly noInput: boolean
  /** Overall limit in ms. */
  readonly timeout: number | undefined
  readonly via: 'auto' | 'daemon' | 'embedded'
  /** File with the passphrase; `-` is standard input. */
  readonly passphraseFile: string | undefined
  /** File with the key of a folder that is protected by one. */
  readonly keyFile: string | undefined
  readonly help: boolean
  readonly version: boolean
}

/** The common flags and what is left for the command. */
export interface Hoisted {
  readonly flags: CommonFlags
  readonly rest: readonly string[]
}

type Environment = Readonly<Record<string, string | undefined>>

const SWITCHES: ReadonlyMap<string, string> = new Map([
  ['--json', 'json'],
  ['-q', 'quiet'],
  ['--quiet', 'quiet'],
  ['--no-color', 'no-color'],
  ['--ascii', 'ascii'],
  ['--no-input', 'no-input'],
  ['-h', 'help'],
  ['--help', 'help'],
  ['-V', 'version'],
  ['--version', 'version'],
])

const VALUES: ReadonlyMap<string, string> = new Map([
  ['--home', 'home'],
  ['-P', 'profile'],
  ['--profile', 'profile'],
  ['--timeout', 'timeout'],
  ['--via', 'via'],
  ['--passphrase-file', 'passphrase-file'],
  ['--key-file', 'key-file'],
])

/** What `--help` says about them. */
export const COMMON_FLAGS_HELP = `Flags of every command, anywhere on the line:
      --home DIR              keep everything under DIR (SOTTO_HOME)
  -P, --profile NAME          choose an identity (SOTTO_PROFILE)
      --json                  one JSON document on stdout (SOTTO_OUTPUT=json)
  -q, --quiet                 no talk on stderr, errors only
      --no-color, --ascii     plain presentation (NO_COLOR, SOTTO_ASCII)
      --no-input              never ask a question (SOTTO_NO_INPUT)
      --timeout DUR           give up after 500ms, 30s, 5m … (SOTTO_TIMEOUT)
      --via MODE              auto, daemon or embedded (SOTTO_VIA)
      --passphrase-file FILE  read the passphrase from FILE, - is stdin (SOTTO_PASSPHRASE_FILE)
      --key-file FILE         the keys are protected by the key in FILE (SOTTO_KEY_FILE)
  -h, --help   -V, --version`

/** Splits the command line. Throws SottoError INVALID_ARGUMENT. */
export function hoistCommonFlags(argv: readonly string[], environment: Environment): Hoisted {
  const found = new Map<string, string>()
  const rest: string[] = []
  for (let at = 0; at < argv.length; at++) {
    const argument = argv[at] ?? ''
    if (argument === '--') {
      rest.push(...argv.slice(at))
      break
    }
    const [name, inline] = splitInline(argument)
    const valueOf = VALUES.get(name)
    const switchOf = SWITCHES.get(argument)
    if (valueOf !== undefined) found.set(valueOf, inline ?? valueAfter(name, argv[++at]))
    else if (switchOf !== undefined) found.set(switchOf, '')
    else rest.push(argument)
  }
  return { flags: readFlags(found, environment), rest }
}

function splitInline(argument: string): readonly [string, string | undefined] {
  const equals = argument.startsWith('--') ? argument.indexOf('=') : -1
  if (equals < 0) return [argument, undefined]
  return [argument.slice(0, equals), argument.slice(equals + 1)]
}

function valueAfter(flag: string, value: string | undefined): string {
  if (value !== undefined && value !== '--') return value
  throw new SottoError('INVALID_ARGUMENT', `${flag} needs a value`, { hint: 'sotto --help' })
}

function readFlags(found: ReadonlyMap<string, string>, environment: Environment): CommonFlags {
  const value = (flag: string, variable: string): string | undefined =>
    found.get(flag) ?? (environment[variable] || undefined)
  return {
    home: value('home', 'SOTTO_HOME'),
    profile: profileName(value('profile', 'SOTTO_PROFILE') ?? 'default'),
    json: found.has('json') || environment['SOTTO_OUTPUT'] === 'json',
    quiet: found.has('quiet'),
    noColor: found.has('no-color'),
    ascii: found.has('ascii') || isOn(environment['SOTTO_ASCII']),
    noInput: found.has('no-input') || isOn(environment['SOTTO_NO_INPUT']),
    timeout: duration(value('timeout', 'SOTTO_TIMEOUT')),
    via: mode(value('via', 'SOTTO_VIA') ?? 'auto'),
    passphraseFile: value('passphrase-file', 'SOTTO_PASSPHRASE_FILE'),
    keyFile: value('key-file', 'SOTTO_KEY_FILE'),
    help: found.has('help'),
    version: found.has('version'),
  }
}

function isOn(value: string | undefined): boolean {
  return value !== undefined && value !== '' && value !== '0'
}

/** A profile is a folder name; nothing that could lead out of its parent. */
function profileName(name: string): string {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_-]{0,31}$/.test(name)) return name
  throw new SottoError('INVALID_ARGUMENT', 'a profile name is 1 to 32 letters, digits, - or _')
}

function duration(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  const ms = parseDuration(text)
  if (ms !== undefined) return ms
  throw new SottoError('INVALID_ARGUMENT', '--timeout is not a duration', {
    hint: 'write it as 500ms, 90s, 15m, 6h or 7d',
  })
}

function mode(word: string): CommonFlags['via'] {
  if (word === 'auto' || word === 'daemon' || word === 'embedded') return word
  throw new SottoError('INVALID_ARGUMENT', '--via is auto, daemon or embedded')
}
