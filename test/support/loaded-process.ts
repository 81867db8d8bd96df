// A program of its own: a mailbox that is asked how it bears what others do to it. Serves `{ dir, limits }`, then answers each `weigh`
// with what it has resident after a garbage collection (run it with --expose-gc), and with its status. Ends with its parent.
import { hostMailbox } from '../../mailbox/main.ts'
import type { MailboxHost } from '../../mailbox/main.ts'
import type { LoadedStart, Weight } from './loaded-mailbox.ts'

const MIB = 1024 * 1024

process.on('disconnect', () => process.exit())
process.once('message', (start: LoadedStart) => void serve(start))

async function serve({ dir, limits }: LoadedStart): Promise<void> {
  const listen = ['/ip4/127.0.0.1/tcp/0']
  const host = await hostMailbox({ profile: { dir }, listen, limits })
  process.on('message', () => void weigh(host))
  const { link, peer, addresses } = host
  process.send?.({ link, peer, addresses })
}

async function weigh(host: MailboxHost): Promise<void> {
  globalThis.gc?.()
  const memory = process.memoryUsage().rss / MIB
  const weight: Weight = { memory, status: await host.status() }
  process.send?.(weight)
}
