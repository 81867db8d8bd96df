import { answers } from '../daemon/client.ts'
import { findSocket } from '../daemon/socket-path.ts'
import type { CliContext } from './context.ts'
import { homeOf } from './profile.ts'
import { renderDone } from './render.ts'
import { sleep } from './sleep.ts'
import { requireDaemon } from './with-node.ts'

const PAUSE_MS = 50

/** `sotto down`: stops the node that is up and waits until it is gone. */
export async function run(context: CliContext): Promise<void> {
  const { output, signal } = context
  const node = await requireDaemon(context)
  try {
    await node.call('node.stop', {}, { signal })
  } finally {
    await node.close()
  }
  const path = await findSocket(homeOf(context.flags))
  while (await answers(path)) await sleep(PAUSE_MS, signal)
  await output.result({ stopped: true }, `${renderDone(output.style)} the node is down`)
}
