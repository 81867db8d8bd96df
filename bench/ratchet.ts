/**
 * The ratchet against its peers on the same jobs, both parties in one process, state in memory: what a message, a turn and a
 * session cost. `floor` is what the primitives alone cost.
 */
import { installPeers } from './peers.ts'
import { type Floor, measureFloor } from './ratchet/floor.ts'
import { oneWay, pingPong, reversed, setUp } from './ratchet/jobs.ts'
import { sottoSubject } from './ratchet/sotto.ts'
import type { Subject } from './ratchet/subject.ts'
import type { Bench, Case } from './rounds.ts'

const PEERS = ['libsignal-client', 'olm', 'privacyresearch', '2key-ratchet']

/** All cases of the benchmark; installs the peers first. */
export async function ratchetBench(): Promise<Bench> {
  installPeers()
  const subjects = [sottoSubject('sotto'), sottoSubject('sotto-wasm')]
  for (const name of PEERS) subjects.push(await loadPeer(name))
  const cases = subjects.flatMap(casesOf)
  const floor = floorCases(await measureFloor())
  return { cases: [...cases, ...floor].toSorted(byJob) }
}

const JOBS = ['one-way-32B', 'one-way-1KiB', 'ping-pong', 'set-up', 'reversed-1000']

function casesOf(subject: Subject): readonly Case[] {
  const { name } = subject
  const cases: Case[] = [
    { job: 'one-way-32B', subject: name, unit: '1/s', run: () => oneWay(subject, 32) },
    { job: 'one-way-1KiB', subject: name, unit: '1/s', run: () => oneWay(subject, 1024) },
    { job: 'ping-pong', subject: name, unit: '1/s', run: () => pingPong(subject) },
    { job: 'set-up', subject: name, unit: '1/s', run: () => setUp(subject) },
  ]
  if (!subject.opensReversed) return cases
  return [
    ...cases,
    { job: 'reversed-1000', subject: name, unit: 'ms', run: () => reversed(subject) },
  ]
}

function floorCases(floor: Floor): readonly Case[] {
  const subject = 'floor'
  const now = (value: () => number) => async () => value()
  return [
    { job: 'one-way-32B', subject, unit: '1/s', run: now(() => floor.oneWay(32)) },
    { job: 'one-way-1KiB', subject, unit: '1/s', run: now(() => floor.oneWay(1024)) },
    { job: 'ping-pong', subject, unit: '1/s', run: now(() => floor.pingPong()) },
    { job: 'set-up', subject, unit: '1/s', run: now(() => floor.setUp()) },
    { job: 'reversed-1000', subject, unit: 'ms', run: now(() => floor.reversed()) },
  ]
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
