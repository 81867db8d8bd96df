/** A whole mailbox as an operator has it, its limits high enough not to be met. */
import { hostMailbox } from '../../mailbox/main.ts'
import { takeOrders } from '../orders.ts'
import type { ServerOrder } from './orders.ts'

const PLENTY = 1e9

takeOrders(async ({ serve }: ServerOrder): Promise<string> => {
  const host = await hostMailbox({
    profile: { dir: serve },
    listen: ['/ip4/127.0.0.1/tcp/0'],
    limits: {
      members: PLENTY,
      ownerMessages: PLENTY,
      ownerBytes: PLENTY * PLENTY,
      addressDeposits: PLENTY,
      addressDepositsPerSecond: PLENTY,
    },
  })
  const { peer, link, addresses } = host
  return JSON.stringify({ peer, link, addresses })
})
