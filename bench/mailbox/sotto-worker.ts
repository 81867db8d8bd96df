/** The clients that a node uses: one of an owner, whose store is sealed and synced, and one of a stranger under a name to be thrown away. */
import { openHome } from '../../net/platform/home.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random, pooled } from '../../net/platform/random.ts'
import { throwAwayWires } from '../../net/platform/throw-away.ts'
import { Records } from '../../net/records.ts'
import { accountKey } from '../../protocol/account.ts'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { clientOf, joined, patient } from './meeting.ts'
import { ownerWire } from './owner-wire.ts'
import { work } from './worker.ts'
import type { MailboxClient, MailboxItem } from '../../net/mailbox-client.ts'
import type { Meeting } from './meeting.ts'
import type { Drain, Leave } from './orders.ts'

interface Found extends Meeting {
  /** Hexadecimal. */
  readonly owner: string
}

type OnItems = (items: readonly MailboxItem[]) => void

async function collect(
  text: string,
  folder: string,
): Promise<{ readonly found: string; readonly drain: Drain }> {
  const meeting = JSON.parse(text) as Meeting
  const { account: owner, store, dataKey } = await openHome(folder, { create: {} })
  const records = new Records({ store, dataKey, clock, random: pooled(random) })
  const { wire } = await ownerWire(owner)
  const joining = await joined(meeting, { wire, owner })
  await joining.close()
  const found: Found = { ...meeting, owner: toHex(owner.key) }
  const clientFor = (onItems: OnItems): MailboxClient => clientOf(meeting, { wire, owner, onItems })
  return { found: JSON.stringify(found), drain: (count) => drain(count, records, clientFor) }
}

async function drain(
  count: number,
  records: Records,
  clientFor: (onItems: OnItems) => MailboxClient,
): Promise<void> {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>()
  let left = count
  const take = async (items: readonly MailboxItem[]): Promise<void> => {
    await records.commit(
      items.map(({ id, envelope }) => ({ type: 'put', key: `mail/${id}`, value: envelope })),
    )
    await client.acknowledge(
      items.map(({ id }) => id),
      patient,
    )
    left -= items.length
    if (left <= 0) resolve()
  }
  const client = clientFor((items) => void take(items).catch(reject))
  await client.fetch(patient)
  await done
  await client.close()
}

async function leave(text: string): Promise<Leave> {
  const found = JSON.parse(text) as Found
  const wire = await throwAwayWires({ clock, random }).make()
  const owner = accountKey(fromHex(found.owner))
  let client: MailboxClient | undefined
  const onClosed = (): void => (client = undefined) // other subjects had their turn for too long
  return async (envelope) => {
    client ??= clientOf(found, { wire, onClosed })
    await client.deposit({ owner, depositId: random(16), envelope }, patient)
  }
}

work({ collect, leave })
