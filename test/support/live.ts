// Whole nodes and mailboxes with their folders on disk, on loopback.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createNode, type Node, type NodeOptions } from '../../node/index.ts'
import { hostMailbox, type MailboxHost } from '../../mailbox/index.ts'

export const LISTEN = ['/ip4/127.0.0.1/tcp/0']

/** A folder that is gone after the test. */
export async function folder(): Promise<string> {
  const dir = await mkdtemp(join(tmpdir(), 'sotto-live-'))
  onTestFinished(() => rm(dir, { recursive: true, force: true, maxRetries: 3 }))
  return dir
}

/** A node on `dir`/`name`; stopped after the test, if it was not before. */
export async function live(
  dir: string,
  name: string,
  network: NodeOptions['network'] = {},
): Promise<Node> {
  const profile = { dir: join(dir, name) }
  const node = await createNode({ name, profile, network: { listen: LISTEN, ...network } })
  onTestFinished(() => node.stop())
  return node
}

/** A mailbox on `dir`/mailbox. On the same address again when that is given. */
export async function liveMailbox(dir: string, listen = LISTEN): Promise<MailboxHost> {
  const host = await hostMailbox({ profile: { dir: join(dir, 'mailbox') }, listen })
  onTestFinished(() => host.stop())
  return host
}

/** The texts that `node` has in its conversation with `other`, as the history lists them. */
export async function textsOf(node: Node, other: string): Promise<readonly string[]> {
  const texts: string[] = []
  for await (const entry of node.conversation(other).history()) {
    if (entry.kind === 'text') texts.push(entry.text)
  }
  return texts
}

/** Looks again until something is so. The test's own limit ends it otherwise. */
export async function eventually(test: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await test())) await new Promise((resolve) => setTimeout(resolve, 20))
}
