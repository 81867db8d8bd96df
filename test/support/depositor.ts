// Somebody who leaves mail from a process of their own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { DepositOrder } from './depositor-process.ts'

const PROGRAM = fileURLToPath(new URL('depositor-process.ts', import.meta.url))

/** The texts that the mailbox has promised to keep. Rejects when the process fails. */
export async function depositElsewhere(
  order: DepositOrder,
  environment: NodeJS.ProcessEnv = {},
): Promise<readonly string[]> {
  const env = { ...process.env, ...environment }
  const stdio: ['ignore', 'ignore', 'inherit', 'ipc'] = ['ignore', 'ignore', 'inherit', 'ipc']
  const child = spawn(process.execPath, [PROGRAM], { env, stdio })
  const exit = once(child, 'exit')
  const failure = exit.then(([code]) => {
    throw new Error(`the depositor ended: ${code}`)
  })
  child.send(order)
  const [promised] = await Promise.race([once(child, 'message'), failure])
  failure.catch(() => undefined)
  child.disconnect()
  await exit
  return promised as readonly string[]
}
