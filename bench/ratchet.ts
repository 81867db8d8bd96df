/**
 * The ratchet against its peers on the same jobs, both parties in one process, state in memory: what a message, a turn and a
 * session cost. `floor` and `floor-wasm` are what the primitives of `sotto` and of `sotto-wasm` alone cost.
 */
import { browserBench } from './browser/jobs.ts'
import { installPeers, peerVersions } from './peers.ts'
import { type Floor, measureFloor } from './ratchet/floor.ts'
import {
  firstMessage,
  firstMessageUnpadded,
  overhead,
  overheadUnpadded,
  sessionState,
  sessionStateInAll,
} from './ratchet/size-jobs.ts'
import { oneWay, pingPong, reversed, setUp } from './ratchet/jobs.ts'
import { sottoSubject } from './ratchet/sotto.ts'
import type { Subject } from './ratchet/subject.ts'
import type { Bench, Case } from './rounds.ts'

const PEERS = ['libsignal-client', 'olm', 'privacyresearch', '2key-ratchet']

/** All cases of the benchmark; installs the peers first. */
export async function ratchetBench(): Promise<Bench> {
  installPeers()
  const ours = [sottoSubject('sotto'), sottoSubject('sotto-wasm')]
  const peers: Subject[] = []
  for (const name of PEERS) peers.push(await loadPeer(name))
  const browser = await browserBench()
  const cases = [...[...ours, ...peers].flatMap(casesOf), ...ours.flatMap(besideCases)]
  for (const name of ['floor', 'floor-wasm'] as const) {
    cases.push(...floorCases(name, await measureFloor(name)))
  }
  cases.push(...browser.cases)
  const beside = `Beside ${peerVersions().join(', ')}.`
  return { ...browser, cases: cases.map(warm).toSorted(byJob), notes: [beside, ...browser.notes] }
}

const JOBS = [
  'one-way-32B',
  'one-way-1KiB',
  'ping-pong',
  'set-up',
  'reversed-1000',
  'overhead-32B',
  'overhead-32B-padded',
  'first-message',
  'first-message-padded',
  'session-state',
  'session-state-in-all',
  'browser-one-way-32B',
]

function casesOf(subject: Subject): readonly Case[] {
  const { name } = subject
  const cases: Case[] = [
    { job: 'one-way-32B', subject: name, unit: '1/s', run: () => oneWay(subject, 32) },
    { job: 'one-way-1KiB', subject: name, unit: '1/s', run: () => oneWay(subject, 1024) },
    { job: 'ping-pong', subject: name, unit: '1/s', run: () => pingPong(subject) },
    { job: 'set-up', subject: name, unit: '1/s', run: () => setUp(subject) },
    { job: 'overhead-32B', subject: name, unit: 'B', run: () => overheadUnpadded(subject) },
    { job: 'first-message', subject: name, unit: 'B', run: () => firstMessageUnpadded(subject) },
    { job: 'session-state', subject: name, unit: 'B', run: () => sessionState(subject) },
  ]
  if (!subject.opensReversed) return cases
  return [
    ...cases,
    { job: 'reversed-1000', subject: name, unit: 'ms', run: () => reversed(subject) },
  ]
}

/** What is reported beside, of a subject that pads and that stores more than one record. */
function besideCases(subject: Subject): readonly Case[] {
  const { name } = subject
  return [
    { job: 'overhead-32B-padded', subject: name, unit: 'B', run: () => overhead(subject) },
    { job: 'first-message-padded', subject: name, unit: 'B', run: () => firstMessage(subject) },
    {
      job: 'session-state-in-all',
      subject: name,
      unit: 'B',
      run: () => sessionStateInAll(subject),
    },
  ]
}

function floorCases(subject: string, floor: Floor): readonly Case[] {
  const now = (value: () => number) => async () => value()
  return [
    { job: 'one-way-32B', subject, unit: '1/s', run: now(() => floor.oneWay(32)) },
    { job: 'one-way-1KiB', subject, unit: '1/s', run: now(() => floor.oneWay(1024)) },
    { job: 'ping-pong', subject, unit: '1/s', run: now(() => floor.pingPong()) },
    { job: 'set-up', subject, unit: '1/s', run: now(() => floor.setUp()) },
    { job: 'reversed-1000', subject, unit: 'ms', run: now(() => floor.reversed()) },
  ]
}

/**
 * A timed case twice, of which the second counts. The engine forgets what it has compiled while dozens of others have their turn, and
 * who talks all the time does not start from there.
 */
function warm(one: Case): Case {
  if (one.unit === 'B') return one
  const run = async (): Promise<number> => {
    await one.run()
    return one.run()
  }
  return { ...one, run }
}

function byJob(a: Case, b: Case): number {
  return JOBS.indexOf(a.job) - JOBS.indexOf(b.job)
}

/** The adapters are plain JavaScript beside their manifest: they are there only once it is installed. */
async function loadPeer(name: string): Promise<Subject> {
  const url = new URL(`peers/${name}.mjs`, import.meta.url).href
  const module = (await import(url)) as { readonly subject: Subject }
  return module.subject
}
