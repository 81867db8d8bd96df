/** The libraries that sotto is compared with: a manifest and lock of their own, installed when a benchmark asks. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

const folder = new URL('peers', import.meta.url).pathname

/** Installs what `bench/peers/package-lock.json` names, unless it is there. npm's talk goes to stderr. */
export function installPeers(): void {
  if (isInstalled()) return
  const done = spawnSync('npm', ['ci', '--ignore-scripts', '--no-audit', '--no-fund'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
  })
  if (done.status !== 0) throw new Error('The peers could not be installed (npm ci in bench/peers)')
}

/** The packages that are compared, each as name and version. */
export function peerVersions(): readonly string[] {
  return Object.entries(dependencies()).map(([name, version]) => `${name} ${version}`)
}

function isInstalled(): boolean {
  return Object.entries(dependencies()).every(([name, version]) => {
    const manifest = read(join(folder, 'node_modules', name, 'package.json'))
    return (
      manifest !== undefined && (JSON.parse(manifest) as { version: string }).version === version
    )
  })
}

function dependencies(): Readonly<Record<string, string>> {
  const manifest = JSON.parse(read(join(folder, 'package.json')) ?? '{}') as {
    readonly dependencies?: Readonly<Record<string, string>>
  }
  return manifest.dependencies ?? {}
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return undefined // not installed
  }
}
