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

/**
 * Installs the tools of a folder unless exactly the wanted versions are there; `flags` go to npm. Throws when npm
 * fails.
 */
export function ensureTools(folder: string = tools, flags: readonly string[] = []): void {
  const wanted = Object.entries(readManifest(`${folder}/package.json`)?.dependencies ?? {})
  if (wanted.every(([name, version]) => installedVersion(folder, name) === version)) return
  const done = spawnSync(
    'npm',
    ['install', '--no-package-lock', '--no-audit', '--no-fund', ...flags],
    { cwd: folder, stdio: ['ignore', 'inherit', 'inherit'] },
  )
  if (done.status !== 0) throw new Error(`The tools could not be installed (npm, in ${folder})`)
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

function installedVersion(folder: string, name: string): string | undefined {
  return readManifest(`${folder}/node_modules/${name}/package.json`)?.version
}

function readManifest(path: string): Manifest | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Manifest
  } catch {
    return undefined // not installed yet
  }
}
