// A program of its own: a mailbox that a test kills. Loads everything first, then waits for `{ dir, listen }`, so that tests can
// have the next one ready; answers with its link, addresses and status, and tells when it begins and ends to let go of what has expired. Its clock
// is a hurried one, and it keeps mail and pairs for hours. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { Queue } from '../../mailbox/level/queue.ts'
import { Shelf } from '../../mailbox/level/shelf.ts'
import { hostMailbox } from '../../mailbox/main.ts'
import { ready } from '../../protocol/crypto.ts'
import { hurriedClock, KEPT } from './hurried-clock.ts'
import type { Expiring } from './killed-mailbox.ts'

await ready
flushCompileCache() // it is killed before it could do so at its end
tellExpiry()
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
  const limits = { addressPairs: 1e6, pairs: 1e6, ...KEPT }
  const host = await hostMailbox({ profile: { dir }, listen: [listen], limits, clock })
  const { link, peer, addresses } = host
  process.send?.({ link, peer, addresses, status: await host.status() })
}

/** Only what has something to let go of is told. */
function tellExpiry(): void {
  const { remove } = Queue.prototype
  Queue.prototype.remove = async function (member, ids, end) {
    if (end !== 'expired') return await remove.call(this, member, ids, end)
    return await told('mail', ids.length, () => remove.call(this, member, ids, end))
  }
  const { expire } = Shelf.prototype
  Shelf.prototype.expire = async function (member, place) {
    await told('pairs', 1, () => expire.call(this, member, place))
  }
}

async function told<T>(kind: Expiring['kind'], count: number, work: () => Promise<T>): Promise<T> {
  process.send?.({ kind, count, done: false })
  const result = await work()
  process.send?.({ kind, count, done: true })
  return result
}
