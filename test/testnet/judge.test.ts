import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { json } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemClock } from '../../net/platform/clock.ts'
import { openHome } from '../../net/platform/home.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { Records } from '../../net/records.ts'
import { createNode, type PeerName } from '../../node/index.ts'
import { keys } from '../../node/keys.ts'
import { decodeMessage, encodeMessage } from '../../node/message.ts'
import { messageId } from '../../protocol/content.ts'
import { fromHex } from '../../protocol/bytes.ts'
import { compare, type Case } from '../../testnet/judge.ts'
import { exactlyOnce, table, type Verdict } from '../../testnet/verdict.ts'
import { hashOf, type Listed, type NodeStore } from '../../testnet/stores.ts'

const JUDGE = fileURLToPath(new URL('../../testnet/judge-main.ts', import.meta.url))
const TEXTS = ['one', 'two', 'three', 'four', 'four']

let dir: string
let dirs: readonly string[]

/** Two nodes that have talked and stopped. */
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'sotto-judge-'))
  dirs = [join(dir, 'ada'), join(dir, 'bob')]
  const network = { listen: ['/ip4/127.0.0.1/tcp/0'] }
  await using ada = await createNode({ name: 'ada', profile: { dir: join(dir, 'ada') }, network })
  await using bob = await createNode({ name: 'bob', profile: { dir: join(dir, 'bob') }, network })
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  const sent = []
  for (const text of TEXTS) sent.push(await ada.conversation('bob').send(text))
  for (const message of sent) await message.until('delivered', { timeout: 20_000 })
  await (await bob.conversation('ada').send('five')).until('delivered', { timeout: 20_000 })
})

afterAll(() => rm(dir, { recursive: true, force: true }))

test('finds nothing wrong with two nodes that talked', async () => {
  const { verdict, exit } = await ask({ dirs, accepted: [] })
  expect(verdict).toMatchObject({ sent: 6, delivered: 6, lost: 0, doubled: 0, outOfOrder: 0 })
  expect(exit).toBe(0)
})

test('finds the message that was accepted and is in no store', async () => {
  const [from, to] = [peerOf(await storeOf(0)), peerOf(await storeOf(1))]
  const accepted = [{ id: 'm_0', from, to, hash: hashOf('never stored') }]
  const { verdict, exit } = await ask({ dirs, accepted })
  expect(verdict).toMatchObject({ sent: 7, delivered: 6, lost: 1 })
  expect(exit).toBe(13)
})

test('finds one message that was deleted and one that was doubled', async () => {
  await change(join(dir, 'bob'), async (records) => {
    const received = []
    for await (const record of records.range('message/')) {
      if (record.key.includes('/in/')) received.push(record)
    }
    const [first, second] = received
    if (first === undefined || second === undefined) throw new Error('there is no inbox')
    const id = messageId(fromHex('00'.repeat(16)))
    const copy = { ...decodeMessage(second.value), id, counter: 99 }
    const contact = second.key.split('/')[1] ?? ''
    await records.commit([
      { type: 'del', key: first.key },
      { type: 'put', key: keys.receivedMessage(contact, 99, id), value: encodeMessage(copy) },
    ])
  })
  const { verdict, exit } = await ask({ dirs, accepted: [] })
  expect(verdict).toMatchObject({ sent: 6, delivered: 5, lost: 1, doubled: 1 })
  expect(exit).toBe(13)
})

test('refuses to look into the store of a node that runs', async () => {
  const home = await openHome(join(dir, 'ada'))
  const { exit } = await ask({ dirs, accepted: [] })
  await home.close()
  expect(exit).toBe(1)
})

const listed = (counter: number, text: string, states: Listed['states'] = []): Listed => ({
  id: `m_${counter}`,
  counter,
  hash: hashOf(text),
  recordedAt: counter,
  states,
})

const [ADA, BOB] = ['ada', 'bob'] as PeerName[] as [PeerName, PeerName]

function stores(sent: readonly Listed[], received: readonly Listed[]): readonly NodeStore[] {
  return [
    { peer: ADA, conversations: [{ with: BOB, sent, received: [] }], announced: new Map() },
    { peer: BOB, conversations: [{ with: ADA, sent: [], received }], announced: new Map() },
  ]
}

const DELIVERED = [{ state: 'delivered', at: 1 }] as const

test('tells what is in an inbox without having been sent, and what its sender was never told of', () => {
  const sent = [listed(1, 'a', DELIVERED), listed(2, 'b')]
  const received = [listed(1, 'a'), listed(2, 'b'), listed(3, 'c')]
  const verdict = compare(stores(sent, received), { accepted: [] })
  expect(verdict).toMatchObject({ delivered: 2, foreign: 1, unproved: 1, lost: 0, doubled: 0 })
  expect(exactlyOnce(verdict)).toBe(false)
})

test('tells a listing that is not in the order of the counters', () => {
  const sent = [listed(1, 'a', DELIVERED), listed(2, 'b', DELIVERED), listed(3, 'c', DELIVERED)]
  const verdict = compare(stores(sent, [listed(1, 'a'), listed(3, 'c'), listed(2, 'b')]), {
    accepted: [],
  })
  expect(verdict).toMatchObject({ delivered: 3, outOfOrder: 1 })
  expect(exactlyOnce(verdict)).toBe(false)
  expect(exactlyOnce({ ...verdict, outOfOrder: 0 })).toBe(true)
})

test('tells a message that was announced twice', () => {
  const [ada, bob] = stores([listed(1, 'a', DELIVERED)], [listed(1, 'a')])
  if (ada === undefined || bob === undefined) throw new Error('there are two stores')
  const twice = { ...bob, announced: new Map([['c_1 m_1', 2]]) }
  expect(compare([ada, twice], { accepted: [] })).toMatchObject({ delivered: 1, doubled: 1 })
})

test('splits a burst at the moment of a crash', () => {
  const at = (time: number): Listed['states'] => [{ state: 'delivered', at: time }]
  const sent = [
    listed(1, 'before the burst', at(5)),
    listed(10, 'acknowledged', at(11)),
    listed(12, 'under way when it died', at(40)),
    listed(25, 'sent after it died', at(41)),
  ]
  const crash = { sender: ADA, recipient: BOB, since: 10, killedAt: 20, backAt: 30 }
  expect(compare(stores(sent, sent), { accepted: [], crash })).toMatchObject({
    acknowledgedAtKill: 1,
    notAcknowledgedAtKill: 2,
    underWayAtKill: 1,
  })
})

test('the table has every number that counts', () => {
  const verdict: Verdict = {
    sent: 11,
    acknowledgedAtKill: 12,
    notAcknowledgedAtKill: 13,
    underWayAtKill: 14,
    delivered: 15,
    lost: 16,
    doubled: 17,
    foreign: 0,
    outOfOrder: 18,
    unproved: 0,
  }
  expect(table(verdict).match(/\d+$/gm)).toEqual(['11', '12', '13', '14', '15', '16', '17', '18'])
  const bad = table({ ...verdict, foreign: 19, unproved: 20 })
  expect(bad.match(/\d+$/gm)?.slice(-2)).toEqual(['19', '20'])
})

async function ask(subject: Case): Promise<{ verdict: unknown; exit: number | null }> {
  const child = spawn(process.execPath, [JUDGE], { stdio: ['pipe', 'pipe', 'ignore'] })
  const ended = once(child, 'exit')
  child.stdin.end(JSON.stringify(subject))
  const verdict: unknown = await json(child.stdout).catch(() => undefined)
  const [exit]: unknown[] = await ended
  return { verdict, exit: typeof exit === 'number' ? exit : null }
}

async function storeOf(index: number): Promise<NodeStore> {
  const { readStore } = await import('../../testnet/stores.ts')
  return readStore(dirs[index] ?? '')
}

function peerOf(store: NodeStore): PeerName {
  return store.peer
}

async function change(home: string, task: (records: Records) => Promise<void>): Promise<void> {
  const { store, dataKey, close } = await openHome(home)
  const records = new Records({ store, dataKey, clock: systemClock, random: platformRandom })
  await task(records)
  await records.close()
  await close()
}
