// What a stopped node has in its store, read for the judge. Opens the folder like the node does and writes no record.

import { createHash } from 'node:crypto'
import { fromBinary } from '@bufbuild/protobuf'
import { EventRecordSchema } from '../protocol/generated/store_pb.ts'
import { toHex } from '../protocol/bytes.ts'
import { systemClock } from '../net/platform/clock.ts'
import { openHome } from '../net/platform/home.ts'
import { platformRandom } from '../net/platform/random.ts'
import { peerName } from '../net/peer-name.ts'
import type { PeerName } from '../net/ports.ts'
import { Records } from '../net/records.ts'
import type { Message, StateChange } from '../node/api.ts'
import { decodeContact, type ContactState } from '../node/contact.ts'
import { history } from '../node/history.ts'
import { keys } from '../node/keys.ts'

/** One message of a listing, with the SHA-256 of its text instead of the text. */
export interface Listed {
  readonly id: string
  readonly counter: number
  readonly hash: string
  /** Unix ms by the clock of the store's owner. */
  readonly recordedAt: number
  readonly states: readonly StateChange[]
}

/** What the store says about one contact: both directions as the history lists them. */
export interface Conversation {
  readonly with: PeerName
  readonly sent: readonly Listed[]
  readonly received: readonly Listed[]
}

export interface NodeStore {
  readonly peer: PeerName
  readonly conversations: readonly Conversation[]
  /** How often each message was announced as received, by contact and id. */
  readonly announced: ReadonlyMap<string, number>
}

/** Reads the store of a node that is not running. Rejects with HomeError ERR_LOCKED when it is. */
export async function readStore(dir: string): Promise<NodeStore> {
  const home = await openHome(dir)
  const { store, dataKey } = home
  const records = new Records({ store, dataKey, clock: systemClock, random: platformRandom })
  try {
    return {
      peer: peerName(home.account.key),
      conversations: await readConversations(records),
      announced: await readAnnounced(records),
    }
  } finally {
    await records.close()
    await home.close()
  }
}

/** The hash under which the judge compares texts. */
export function hashOf(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

async function readConversations(records: Records): Promise<readonly Conversation[]> {
  const contacts: ContactState[] = []
  for await (const { key, value } of records.range(keys.contacts)) {
    const id = key.slice(keys.contacts.length)
    contacts.push(decodeContact(id, value, systemClock.now()))
  }
  const conversations: Conversation[] = []
  for (const contact of contacts) {
    const messages: Message[] = []
    const current = <T>(stored: T): T => stored // a stopped node has written all that it knew
    for await (const entry of history(records, { id: contact.id, contact, current })) {
      if (entry.kind === 'text') messages.push(entry)
    }
    const sent = messages.filter(({ direction }) => direction === 'out').map(listed)
    const received = messages.filter(({ direction }) => direction === 'in').map(listed)
    conversations.push({ with: contact.peer, sent, received })
  }
  return conversations
}

function listed({ id, counter, text, recordedAt, states }: Message): Listed {
  return { id, counter, hash: hashOf(text), recordedAt, states }
}

async function readAnnounced(records: Records): Promise<ReadonlyMap<string, number>> {
  const announced = new Map<string, number>()
  for await (const { value } of records.range(keys.events)) {
    const { type, contact, messageId } = fromBinary(EventRecordSchema, value)
    if (type !== 'message.received') continue
    const name = `${contact} ${toHex(messageId)}`
    announced.set(name, (announced.get(name) ?? 0) + 1)
  }
  return announced
}
