import { spawn } from 'node:child_process'
import { HomeError } from './home-error.ts'

export interface ToolResult {
  /** Null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A key store may ask the user to unlock it first. */
const PATIENCE_MS = 120_000

/** More than what a key, or a complaint, takes. */
const MAX_OUTPUT_BYTES = 16 * 1024

/**
 * Runs a tool of the platform with `input` on stdin. Rejects with `HomeError` ERR_NO_KEY_STORE where there is no such tool, or it does
 * not end. The error never holds what the tool was given or said.
 */
export async function runTool(
  tool: string,
  argv: readonly string[],
  input = '',
): Promise<ToolResult> {
  const child = spawn(tool, argv, { stdio: 'pipe', timeout: PATIENCE_MS })
  const said = { stdout: '', stderr: '' }
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream].setEncoding('utf8').on('data', (text: string) => {
      said[stream] += text
      if (said[stream].length > MAX_OUTPUT_BYTES) child.kill()
    })
  }
  child.stdin.on('error', () => undefined) // it ended without reading; its exit code tells
  child.stdin.end(input)
  const { promise, resolve, reject } = Promise.withResolvers<number | null>()
  child.once('error', () => reject(new HomeError('ERR_NO_KEY_STORE')))
  child.once('close', resolve)
  const code = await promise
  return { code, ...said }
}
