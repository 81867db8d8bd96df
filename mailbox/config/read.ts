// The configuration of a mailbox from its sources: flag before environment before file before default. Everything that is wrong
// is told at once, and then nothing of it counts.

import { parse, TomlError } from 'smol-toml'
import { ALL_KEYS } from './keys.ts'
import { NotOfKind } from './kinds.ts'
import { nearest } from './nearest.ts'
import type { MailboxConfig, NamedKey } from './keys.ts'

export interface ConfigSources {
  /** TOML. */
  readonly file?: { readonly path: string; readonly text: string } | undefined
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** By path, such as `host.listen`, as the values would stand in the file. */
  readonly flags?: Readonly<Record<string, unknown>>
}

/** Where the value of a key came from. */
export type Origin = 'flag' | 'environment' | 'file' | 'default'

export interface ReadConfig {
  readonly config: MailboxConfig
  /** By path. */
  readonly sources: ReadonlyMap<string, ConfigSource>
}

/** Where the value of a key came from, and as what it stood there. */
export interface ConfigSource {
  readonly origin: Origin
  readonly raw: unknown
}

/** The configuration is not valid. */
export class ConfigError extends Error {
  static override readonly name = 'ConfigError'
  override readonly name = 'ConfigError'
  /** One line each; the place first. */
  readonly problems: readonly string[]

  constructor(problems: readonly string[]) {
    super(problems.join('\n'))
    this.problems = problems
  }
}

/** No sensible file is longer. */
export const MAX_CONFIG_BYTES = 256 * 1024

type Raw = Readonly<Record<string, unknown>>

interface Given {
  readonly origin: Origin
  readonly place: string
  readonly raw: unknown
}

/** Throws `ConfigError` with every problem. */
export function readConfig(sources: ConfigSources): ReadConfig {
  const problems: string[] = []
  const file = sources.file === undefined ? {} : tablesOf(sources.file, problems)
  const values: Record<string, Record<string, unknown>> = {}
  const found = new Map<string, ConfigSource>()
  for (const key of ALL_KEYS) {
    // A wrong value is told wherever it stands, also where another one wins.
    const read = givenOf(key, sources, file).map((given) => ({
      ...given,
      value: valueOf(key, given),
    }))
    for (const { value } of read) if (value instanceof NotOfKind) problems.push(value.message)
    const [first] = read
    found.set(key.path, { origin: first?.origin ?? 'default', raw: first?.raw })
    const section = (values[key.section] ??= {})
    section[key.name] = first?.value
  }
  if (problems.length > 0) throw new ConfigError(problems)
  // Each value was made by the kind that stands at the key in `KEYS`, of which the type is made.
  return { config: values as unknown as MailboxConfig, sources: found }
}

/** The sections of the file as far as they are known; what is not goes among the problems. */
function tablesOf(
  { path, text }: { readonly path: string; readonly text: string },
  problems: string[],
): Raw {
  let tables: Raw
  try {
    if (text.length > MAX_CONFIG_BYTES) throw new NotOfKind('it is too long')
    tables = parse(text, { maxDepth: 8 })
  } catch (cause) {
    problems.push(`${path}: ${syntaxProblem(cause)}`)
    return {}
  }
  const sections = [...new Set(ALL_KEYS.map(({ section }) => section))]
  for (const [section, table] of Object.entries(tables)) {
    if (!sections.includes(section)) problems.push(unknown(path, 'section', section, sections))
    else if (!isTable(table)) problems.push(`${path}: ${section} must be a section: [${section}]`)
    else unknownKeys(path, section, table, problems)
  }
  return tables
}

function unknownKeys(path: string, section: string, table: Raw, problems: string[]): void {
  const known = ALL_KEYS.filter((key) => key.section === section).map(({ name }) => name)
  for (const name of Object.keys(table)) {
    if (!known.includes(name)) problems.push(unknown(path, `key in [${section}]`, name, known))
  }
}

function unknown(path: string, what: string, name: string, known: readonly string[]): string {
  const near = nearest(name, known)
  const advice = near === undefined ? `known: ${known.join(', ')}` : `did you mean ${near}?`
  return `${path}: unknown ${what}: ${JSON.stringify(name.slice(0, 64))}, ${advice}`
}

function syntaxProblem(cause: unknown): string {
  if (cause instanceof NotOfKind) return cause.message
  if (!(cause instanceof TomlError)) throw cause
  const [what = ''] = cause.message.split('\n')
  return `line ${cause.line}, column ${cause.column}: ${what.replace(/^Invalid TOML document: /, '')}`
}

/** What each source says of a key, the one that wins first. */
function givenOf(key: NamedKey, sources: ConfigSources, file: Raw): readonly Given[] {
  const { flags = {}, environment = {} } = sources
  const table = file[key.section]
  const given: Given[] = []
  const flag = flags[key.path]
  if (flag !== undefined) given.push({ origin: 'flag', place: key.path, raw: flag })
  const variable = environment[key.variable]
  if (variable !== undefined && variable !== '') {
    given.push({ origin: 'environment', place: key.variable, raw: rawOf(key, variable) })
  }
  if (isTable(table) && Object.hasOwn(table, key.name)) {
    const place = `${sources.file?.path ?? ''}: ${key.path}`
    given.push({ origin: 'file', place, raw: table[key.name] })
  }
  return given.length > 0 ? given : [{ origin: 'default', place: key.path, raw: key.byDefault }]
}

function valueOf(key: NamedKey, { place, raw }: Given): unknown {
  try {
    return key.kind.read(raw)
  } catch (cause) {
    if (cause instanceof NotOfKind) return new NotOfKind(`${place} ${cause.message}`)
    throw cause
  }
}

/** What a text stands for, outside of the file: lists, numbers and truths are written as in JSON. */
export function rawOf(key: NamedKey, variable: string): unknown {
  if (!key.kind.isJson) return variable
  try {
    return JSON.parse(variable)
  } catch {
    return variable // which its kind refuses
  }
}

function isTable(value: unknown): value is Raw {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
