/** Where this machine keeps the programs that some tests need. Nothing is downloaded. */
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** Path named by `CHROMIUM`, else the first of the usual names on `PATH`, else undefined. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM']
  return named !== undefined && named !== '' ? named : onPath(BROWSERS)
}

/** What it is started with, without a window and without talking to anybody. */
export const CHROMIUM_ARGUMENTS: readonly string[] = [
  '--no-sandbox', // root in a container has no user namespace to build one from
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** strace, for tests that look at system calls; undefined where there is none. */
export function findStrace(): string | undefined {
  return onPath(['strace'])
}

/** Prometheus's own checks of rules and configuration; undefined where there is none. */
export function findPromtool(): string | undefined {
  return onPath(['promtool'])
}

/** What opens files in the age format, beside `age-keygen`; undefined where there is none. */
export function findAge(): string | undefined {
  return onPath(['age'])
}

/** What stands between a mailbox and browsers in an example; undefined where there is none. */
export function findCaddy(): string | undefined {
  return onPath(['caddy'])
}

/** The checks of systemd; undefined where there is none. */
export function findSystemdAnalyze(): string | undefined {
  return onPath(['systemd-analyze'])
}

/** unshare, where this user may mount a file system in a namespace of their own; undefined where not. */
export function findMounts(): string | undefined {
  const [unshare, nsenter, prlimit] = [
    onPath(['unshare']),
    onPath(['nsenter']),
    onPath(['prlimit']),
  ]
  if (unshare === undefined || nsenter === undefined || prlimit === undefined) return undefined
  const mount = ['--mount', '--propagation', 'private', 'mount', '-t', 'tmpfs', 'none', '/mnt']
  return spawnSync(unshare, mount, { stdio: 'ignore' }).status === 0 ? unshare : undefined
}

function onPath(names: readonly string[]): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .flatMap((folder) => names.map((name) => `${folder}/${name}`))
    .find((path) => existsSync(path))
}
