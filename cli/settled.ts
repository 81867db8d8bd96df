import type { Caller } from '../daemon/caller.ts'
import type { CliContext } from './context.ts'
import { sleep } from './sleep.ts'

/** How long a command with a node of its own waits for its mailboxes to hand over what they hold. */
const MAX_WAIT_MS = 10_000
const PAUSE_MS = 50

/**
 * With a node that was up before, nothing: it has fetched. A node started for this command first fetches what its mailboxes
 * hold; one that cannot be reached is named, and what is here is shown all the same.
 */
export async function settled(context: CliContext, node: Caller): Promise<void> {
  if (node.mode === 'daemon') return
  const deadline = Date.now() + (context.flags.timeout ?? MAX_WAIT_MS)
  for (;;) {
    const { mailboxes } = await node.call('mailbox.list', {})
    const open = mailboxes.filter(({ connected, waiting }) => !connected || waiting !== 0)
    if (open.length === 0) return
    if (Date.now() >= deadline) {
      context.output.talk(
        'A mailbox could not be asked, or has more: there may be messages waiting.',
      )
      return
    }
    await sleep(PAUSE_MS, context.signal)
  }
}
