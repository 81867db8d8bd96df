/** How our mailbox is found, and a client of it. */
import { MailboxClient } from '../../net/mailbox-client.ts'
import { systemClock as clock } from '../../net/platform/clock.ts'
import { platformRandom as random } from '../../net/platform/random.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import type { MailboxItem } from '../../net/mailbox-client.ts'
import type { PeerName, Wire } from '../../net/ports.ts'
import type { Account } from '../../protocol/account.ts'

export interface Meeting {
  readonly peer: PeerName
  readonly link: string
  readonly addresses: readonly string[]
}

/** The benchmark itself ends what takes too long. */
export const patient = { signal: new AbortController().signal }

export interface ClientParts {
  readonly wire: Pick<Wire, 'open'>
  /** A stranger has none. */
  readonly owner?: Account
  readonly onItems?: (items: readonly MailboxItem[]) => void
  readonly onClosed?: () => void
}

export function clientOf({ peer, addresses }: Meeting, parts: ClientParts): MailboxClient {
  return new MailboxClient({ mailbox: peer, addresses, clock, random, ...parts })
}

/** Logs in and joins. The client stays open. */
export async function joined(meeting: Meeting, parts: ClientParts): Promise<MailboxClient> {
  const client = clientOf(meeting, parts)
  await client.join(decodeMailboxLink(meeting.link).joinSecret, patient)
  return client
}
