/**
 * The tools that are not in the root's lock: exact versions in `tools/package.json`, installed on
 * first use. Their platform packages would make `npm ci` of a fresh clone fail.
 */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'

export const root = new URL('..', import.meta.url).pathname
export const tools = `${root}tools`

interface Manifest {
  readonly version?: string
  readonly dependencies?: Readonly<Record<string, string>>
}

/** Installs the tools unless exactly the wanted versions are there. Throws when npm fails. */
export function ensureTools(): void {
  const wanted = Object.entries(readManifest(`${tools}/package.json`)?.dependencies ?? {})
  if (wanted.every(([name, version]) => installedVersion(name) === version)) return
  const done = spawnSync('npm', ['install', '--no-package-lock', '--no-audit', '--no-fund'], {
    cwd: tools,
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  if (done.status !== 0) throw new Error('The tools could not be installed (npm install in tools/)')
}

/** Runs one of the tools in `folder` and returns its exit code. */
export function runTool(
  name: string,
  args: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): number {
  const path = `${root}node_modules/.bin:${process.env['PATH'] ?? ''}`
  const done = spawnSync(`${tools}/node_modules/.bin/${name}`, args, {
    cwd: folder,
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, ...env, PATH: path },
  })
  return done.status ?? 1
}

function installedVersion(name: string): string | undefined {
  return readManifest(`${tools}/node_modules/${name}/package.json`)?.version
}

function readManifest(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest
  } catch {
    return undefined // not installed yet
  }
}
