import { hostMailbox } from '../../mailbox/main.ts'
import { ready } from '../../protocol/crypto.ts'
import { takeOrders } from '../orders.ts'
import { makeOwners } from './owners.ts'
import type { HostOrder, OracleMeeting } from './orders.ts'

/** Who is measured is not held back. */
const PLENTY = 1e9

takeOrders(async ({ serve }: HostOrder): Promise<OracleMeeting> => {
  await ready
  const owners = await makeOwners(serve)
  const { peer, addresses } = await hostMailbox({
    profile: { dir: serve },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    limits: { addressDeposits: PLENTY, addressDepositsPerSecond: PLENTY },
  })
  return { peer, addresses, owners }
})
