// Runs the real program as processes on loopback.

import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'
import type { Ran } from './support.ts'

/** What people run. */
export const PROGRAM = fileURLToPath(new URL('../../bin/sotto.cjs', import.meta.url))

/** A process of the program. */
export interface Running {
  readonly child: ChildProcess
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves when it has ended. */
  readonly ended: Promise<Ran>
}

/** Starts the program; it is killed when the test ends. */
export function start(
  argv: readonly string[],
  stdin = '',
  environment: Readonly<Record<string, string>> = {},
): Running {
  const child = spawn(process.execPath, [PROGRAM, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1', SOTTO_HOME: '', SOTTO_OUTPUT: '', ...environment },
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk) => (stdout += String(chunk)))
  child.stderr.on('data', (chunk) => (stderr += String(chunk)))
  child.stdin.on('error', () => undefined)
  child.stdin.end(stdin)
  const ended = new Promise<Ran>((resolve) => {
    child.once('close', (code) => resolve({ exit: code ?? -1, stdout, stderr }))
  })
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, stdout: () => stdout, stderr: () => stderr, ended }
}

/** Runs the program to its end. */
export function program(argv: readonly string[], stdin = ''): Promise<Ran> {
  return start(argv, stdin).ended
}

/** A detached node is nobody's child: it is stopped by what it wrote down. */
export function stopAfterTest(home: string): void {
  onTestFinished(async () => {
    const pid = await pidOf(home).catch(() => undefined)
    try {
      if (pid !== undefined) process.kill(pid, 'SIGKILL')
    } catch {
      // It is gone already.
    }
  })
}

/** The process that has a folder open. */
export async function pidOf(home: string): Promise<number> {
  return Number(await readFile(join(home, 'run', 'pid'), 'utf8'))
}
