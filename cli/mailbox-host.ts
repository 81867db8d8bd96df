import type { CliContext } from './context.ts'
import { mailboxHomeOf } from './profile.ts'
import { shortPeer } from './render.ts'

export interface MailboxHostFlags {
  readonly listen?: readonly string[] | undefined
  readonly announce?: readonly string[] | undefined
  readonly bootstrap?: readonly string[] | undefined
  readonly replication?: number | undefined
}

/** `sotto mailbox host`: holds messages for its members until a signal. The first line of stdout is its link. */
export async function run(context: CliContext, flags: MailboxHostFlags): Promise<void> {
  const { hostMailbox } = await import('../mailbox/index.ts')
  const { output, interrupted } = context
  const stopped = new Promise<void>((resolve) => {
    interrupted.addEventListener('abort', () => resolve(), { once: true })
  })
  const dir = mailboxHomeOf(context.flags)
  const host = await hostMailbox({ dir, ...flags, signal: interrupted })
  try {
    const { link, peer } = host
    await output.result({ link, peer, home: dir, pid: process.pid }, link)
    output.talk(`mailbox ${shortPeer(peer, output.talkStyle)} is up, in ${dir}`)
    output.hint(`sotto mailbox use LINK   on the machine of everyone who may use it`)
    await stopped
  } finally {
    await host.stop()
  }
}
