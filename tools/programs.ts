/** Where this machine keeps the programs that some tests need. Nothing is downloaded. */
import { existsSync } from 'node:fs'

const BROWSERS = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome']

/** Path named by `CHROMIUM`, else the first of the usual names on `PATH`, else undefined. */
export function findChromium(): string | undefined {
  const named = process.env['CHROMIUM']
  return named !== undefined && named !== '' ? named : onPath(BROWSERS)
}

/** strace, for tests that look at system calls; undefined where there is none. */
export function findStrace(): string | undefined {
  return onPath(['strace'])
}

function onPath(names: readonly string[]): string | undefined {
  return (process.env['PATH'] ?? '')
    .split(':')
    .flatMap((folder) => names.map((name) => `${folder}/${name}`))
    .find((path) => existsSync(path))
}
