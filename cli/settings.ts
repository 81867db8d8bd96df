// What `init` was told about the network, kept for `up` and for commands that run a node themselves.

import { readFile, rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { NetworkOptions } from '../node/api.ts'
import { SottoError } from '../node/errors.ts'

/** The contents of `settings.json`, mode 0600. */
export interface Settings {
  readonly listen?: readonly string[]
  readonly announce?: readonly string[]
  readonly bootstrap?: readonly string[]
  readonly lan?: boolean
  readonly replication?: number
}

/** Network flags as the command line gives them. */
export interface NetworkFlags {
  readonly listen?: readonly string[] | undefined
  readonly announce?: readonly string[] | undefined
  readonly bootstrap?: readonly string[] | undefined
  readonly lan?: boolean | undefined
  readonly replication?: number | undefined
}

const FILE = 'settings.json'
const MAX_BYTES = 64 * 1024
const MAX_ADDRESSES = 64
const MAX_REPLICATION = 20

const CHECKS: Readonly<Record<keyof Settings, (value: unknown) => string | undefined>> = {
  listen: addressList,
  announce: addressList,
  bootstrap: addressList,
  lan: (value) => (typeof value === 'boolean' ? undefined : 'must be true or false'),
  replication: (value) =>
    Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_REPLICATION
      ? undefined
      : `must be a whole number from 1 to ${MAX_REPLICATION}`,
}

/** Reads the settings of a folder; no file means none. Throws SottoError CONFIG_INVALID that lists every problem. */
export async function readSettings(home: string): Promise<Settings> {
  const path = join(home, FILE)
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return {}
    throw new SottoError('CONFIG_INVALID', `${path} cannot be read`, { cause })
  }
  return parseSettings(text, path)
}

/** What the text of a file says. Throws SottoError CONFIG_INVALID that lists every problem and names the file. */
export function parseSettings(text: string, path: string): Settings {
  const settings = text.length > MAX_BYTES ? undefined : parse(text)
  const problems = text.length > MAX_BYTES ? ['is too long'] : problemsOf(settings)
  if (problems.length === 0) return settings as Settings
  throw new SottoError('CONFIG_INVALID', `${path}: ${problems.join('; ')}`, {
    hint: 'correct the file, or delete it to use the defaults',
  })
}

/** Writes them, replacing the file in one step. Nothing is written when there is nothing to say. */
export async function writeSettings(home: string, flags: NetworkFlags): Promise<void> {
  const settings = overlay({}, flags)
  if (Object.keys(settings).length === 0) return
  const path = join(home, FILE)
  await writeFile(`${path}.new`, `${JSON.stringify(settings, null, 2)}\n`, { mode: 0o600 })
  await rename(`${path}.new`, path)
}

/** Settings with the flags of this run over them; flags that are about something else are left out. */
export function overlay(settings: Settings, flags: NetworkFlags): Settings {
  const given = Object.entries(flags).filter(
    ([key, value]) =>
      isKey(key) && value !== undefined && !(Array.isArray(value) && value.length === 0),
  )
  return { ...settings, ...Object.fromEntries(given) }
}

/** What the node is told. People want their own network found without saying so; tests say --no-lan. */
export function networkOptions(settings: Settings): NetworkOptions {
  return { lan: true, ...settings }
}

function problemsOf(settings: unknown): readonly string[] {
  if (typeof settings !== 'object' || settings === null || Array.isArray(settings)) {
    return ['is not a JSON object']
  }
  return Object.entries(settings).flatMap(([key, value]) => {
    if (!isKey(key))
      return [`unknown key ${JSON.stringify(key)}, known: ${Object.keys(CHECKS).join(', ')}`]
    const problem = CHECKS[key](value)
    return problem === undefined ? [] : [`${key} ${problem}`]
  })
}

function isKey(key: string): key is keyof Settings {
  return Object.hasOwn(CHECKS, key)
}

function addressList(value: unknown): string | undefined {
  const fits =
    Array.isArray(value) &&
    value.length <= MAX_ADDRESSES &&
    value.every((address) => typeof address === 'string' && address.startsWith('/'))
  return fits ? undefined : 'must be a list of multiaddrs such as "/ip4/0.0.0.0/tcp/4601"'
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // Reported as not being an object: a person corrects both the same way.
    return undefined
  }
}
