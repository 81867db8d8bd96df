// A process of node-process.ts, as its parent sees it.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { ChildProcess } from 'node:child_process'
import type { Order, Told } from './node-process.ts'

const PROGRAM = fileURLToPath(new URL('node-process.ts', import.meta.url))

const ANSWER_MS = 120_000

/** Starts it, with what it writes for itself in `folder`; resolves when it has loaded everything. */
export async function loadChild(
  folder: string,
  execArgv: readonly string[] = [],
): Promise<ChildProcess> {
  // Stripping types takes most of a start: the code is kept for the next one.
  const env = {
    ...process.env,
    NODE_COMPILE_CACHE: join(folder, 'code'),
    XDG_STATE_HOME: join(folder, 'state'),
    XDG_RUNTIME_DIR: folder,
  }
  const child = spawn(process.execPath, [...execArgv, PROGRAM], {
    env,
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  })
  await once(child, 'message')
  return child
}

/**
 * What it tells under the name `answer`. Undefined when it ended before that, and was meant to; rejects when it ended by itself or
 * says nothing for two minutes.
 */
export async function askChild(
  child: ChildProcess,
  order: Order,
  { name, answer, isMeant }: { readonly name: string; answer: string; isMeant: () => boolean },
): Promise<Told | undefined> {
  const { promise, resolve, reject } = Promise.withResolvers<Told | undefined>()
  const timer = setTimeout(() => reject(new Error(`${name} does not answer`)), ANSWER_MS)
  const hear = (told: Told): void => {
    if (typeof told === 'object' && answer in told) resolve(told)
  }
  const end = (code: number | null): void => {
    if (isMeant()) resolve(undefined)
    else reject(new Error(`${name} ended by itself: ${String(code)}`))
  }
  child.on('message', hear).once('exit', end)
  if (child.connected) child.send(order)
  try {
    return await promise
  } finally {
    clearTimeout(timer)
    child.off('message', hear).off('exit', end)
  }
}
