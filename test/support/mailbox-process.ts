// A program of its own: a mailbox that a test kills. Loads everything first, then waits for `{ dir, listen }`, so that tests can
// have the next one ready; answers with its link, addresses and status. Ends with its parent.
import { flushCompileCache } from 'node:module'
import { hostMailbox } from '../../mailbox/main.ts'
import { ready } from '../../protocol/crypto.ts'

await ready
flushCompileCache() // it is killed before it could do so at its end
process.on('disconnect', () => process.exit())
process.on('message', (start: { readonly dir: string; readonly listen: string }) => {
  void serve(start.dir, start.listen)
})
process.send?.('loaded')

async function serve(dir: string, listen: string): Promise<void> {
  // Everybody is at one address here.
  const limits = { addressPairs: 1e6, pairs: 1e6 }
  const host = await hostMailbox({ profile: { dir }, listen: [listen], limits })
  const { link, peer, addresses } = host
  process.send?.({ link, peer, addresses, status: await host.status() })
}
