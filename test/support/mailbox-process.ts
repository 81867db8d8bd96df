// A program of its own: a mailbox that a test kills. Loads everything first, then waits for `{ dir, listen }`, so that tests can
// have the next one ready; answers with its link, addresses and status. Its clock is a hurried one. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { hostMailbox } from '../../mailbox/main.ts'
import { ready } from '../../protocol/crypto.ts'
import { hurriedClock } from './hurried-clock.ts'

await ready
flushCompileCache() // it is killed before it could do so at its end
process.on('disconnect', () => process.exit())
process.on('message', (start: Start) => void serve(start))
process.send?.('loaded')

interface Start {
  readonly dir: string
  readonly listen: string
  /** When the clock began. */
  readonly began: number
}

async function serve({ dir, listen, began }: Start): Promise<void> {
  const clock = hurriedClock(began)
  // Everybody is at one address here.
  const limits = { addressPairs: 1e6, pairs: 1e6 }
  const host = await hostMailbox({ profile: { dir }, listen: [listen], limits, clock })
  const { link, peer, addresses } = host
  process.send?.({ link, peer, addresses, status: await host.status() })
}
