// The process: its streams, signals and exit code. bin/sotto.cjs has checked the version of Node before this is loaded.

import { constants } from 'node:os'
import type { Library } from './context.ts'
import { runCli } from './run.ts'

/** After the command is done, what still holds the process open (a socket in its last round) gets this long. */
const LINGER_MS = 2000

const controller = new AbortController()
let received: 'SIGINT' | 'SIGTERM' | undefined

/** The first signal ends the command cleanly, the second at once. */
function interrupt(signal: 'SIGINT' | 'SIGTERM'): void {
  if (received !== undefined) process.exit(128 + constants.signals[signal])
  received = signal
  controller.abort(new Error(`ended by ${signal}`))
}

process.on('SIGINT', interrupt)
process.on('SIGTERM', interrupt)
// A reader that goes away is met by the write that fails, not by an exception.
process.stdout.on('error', () => undefined)
process.stderr.on('error', () => undefined)

async function library(): Promise<Library> {
  const { createNode, createProfile } = await import('../node/index.ts')
  return { createNode, createProfile }
}

const [program, script = ''] = process.argv
const code = await runCli(process.argv.slice(2), {
  stdin: process.stdin,
  stdout: process.stdout,
  stderr: process.stderr,
  environment: process.env,
  interrupted: controller.signal,
  interrupt: () => interrupt('SIGINT'),
  onHangup: (listener) => {
    process.on('SIGHUP', listener)
    return () => process.off('SIGHUP', listener)
  },
  entry: [program ?? process.execPath, ...process.execArgv, script],
  library,
})
process.exitCode = received === undefined ? code : 128 + constants.signals[received]
process.stdin.unref?.()
setTimeout(() => process.exit(), LINGER_MS).unref()
