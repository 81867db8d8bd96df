import { beforeEach, expect, test } from 'vitest'
import { BundleFinder } from '../../node/bundle-finder.ts'
import { serveBundle } from '../../net/bundle-service.ts'
import { BUNDLE_PROTOCOL } from '../../net/names.ts'
import { peerName } from '../../net/peer-name.ts'
import { ready } from '../../protocol/crypto.ts'
import { bundleKey } from '../../protocol/bundle.ts'
import { toHex } from '../../protocol/bytes.ts'
import { testAccount, testBundle } from '../support/accounts.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { MemoryNetwork } from '../support/memory-wire.ts'
import { seededRandom } from '../support/random.ts'
import type { Found, MailboxHint } from '../../node/bundle-finder.ts'
import type { Directory, DirectoryAnswer, PeerName } from '../../net/ports.ts'
import type { Account, AccountKey } from '../../protocol/account.ts'

const random = seededRandom('finder')

/** A DHT whose peers answer what and when the test says. */
class FakeDirectory implements Directory {
  readonly asked: string[] = []
  ended = 0
  answers: (signal: AbortSignal) => AsyncIterable<DirectoryAnswer> = () => of()

  async put(): Promise<readonly PeerName[]> {
    return []
  }

  async *get(
    key: Uint8Array,
    { signal }: { signal: AbortSignal },
  ): AsyncGenerator<DirectoryAnswer> {
    this.asked.push(toHex(key))
    try {
      yield* this.answers(signal)
    } finally {
      this.ended += 1
    }
  }
}

let clock: ManualClock
let network: MemoryNetwork
let directory: FakeDirectory
let owner: Account
let mailboxes: Map<string, () => Promise<Uint8Array | undefined>>
let finder: BundleFinder

beforeEach(async () => {
  await ready
  clock = new ManualClock()
  network = new MemoryNetwork()
  directory = new FakeDirectory()
  owner = testAccount(random)
  mailboxes = new Map()
  finder = new BundleFinder({
    wire: network.wire(peerName(testAccount(random).key)),
    directory,
    clock,
    mailboxes: {
      bundle: (hint) => (mailboxes.get(toHex(hint.account)) ?? unreachable)(),
    },
  })
})

test('finds by the DHT alone and says which peer answered', async () => {
  const from = somebody()
  directory.answers = () => of({ value: bundle(5), from })
  const found = await lookUp()
  expect(found?.bundle.sequence).toBe(5)
  expect(found?.source).toEqual({ path: 'dht', from })
  expect(directory.asked).toEqual([toHex(bundleKey(owner.key))])
})

test('finds by the owner alone', async () => {
  await serve(bundle(5))
  expect((await lookUp())?.source).toEqual({ path: 'direct', from: peerName(owner.key) })
})

test('finds by a mailbox alone', async () => {
  const hint = mailbox(() => Promise.resolve(bundle(5)))
  const found = await lookUp({ mailboxes: [hint] })
  expect(found?.source).toEqual({ path: 'mailbox', from: peerName(hint.account) })
})

test('asks all paths at once, and the highest sequence wins within the grace', async () => {
  await serve(bundle(5))
  const late = Promise.withResolvers<Uint8Array>()
  const hint = mailbox(() => late.promise)
  directory.answers = () => of({ value: bundle(6), from: somebody() })
  const found = finder.find(owner.key, hints({ mailboxes: [hint] }), live())
  await settle()
  await clock.advance(99)
  late.resolve(bundle(7))
  await clock.advance(1)
  expect((await found)?.bundle.sequence).toBe(7)
})

test('does not wait for slow paths once the grace is over', async () => {
  await serve(bundle(5))
  const hint = mailbox(() => new Promise(() => undefined))
  directory.answers = (signal) => untilAborted(signal)
  const found = finder.find(owner.key, hints({ mailboxes: [hint] }), live())
  await settle()
  await clock.advance(100)
  expect((await found)?.bundle.sequence).toBe(5)
  await settle()
  expect(directory.ended).toBe(1)
  expect(clock.pending).toBe(0)
})

test('nobody who answers badly can make a lookup fail', async () => {
  const good = bundle(5)
  const forged = good.slice()
  forged.set([(forged.at(-1) ?? 0) ^ 1], forged.length - 1)
  const bad = [
    new Uint8Array(0),
    new Uint8Array(5000),
    forged,
    good.subarray(0, 100),
    testBundle(testAccount(random), { sequence: 9, now: clock.now() }, random).bytes,
    testBundle(owner, { sequence: 9, now: clock.now() + 86_400_000 }, random).bytes,
    bundle(9, { now: clock.now() - 40 * 86_400_000 }),
  ]
  await serve(forged)
  const hint = mailbox(() => Promise.resolve(new Uint8Array(10)))
  directory.answers = () => of(...[...bad, good].map((value) => ({ value, from: somebody() })))
  const found = await lookUp({ mailboxes: [hint] })
  expect(found?.bundle.sequence).toBe(5)
  expect(finder.counts).toMatchObject({ valid: 1, refused: bad.length + 2, failed: 0 })
})

test('one peer that floods is not heard after its second answer', async () => {
  const flooder = somebody()
  const flood = Array.from({ length: 200 }, () => ({ value: new Uint8Array(9), from: flooder }))
  directory.answers = () => of(...flood.slice(0, 60), { value: bundle(5), from: somebody() })
  expect((await lookUp())?.bundle.sequence).toBe(5)
  expect(finder.counts.refused).toBe(2)
  directory.answers = () => of(...flood)
  expect(await lookUp()).toBeUndefined()
  expect(finder.counts.refused).toBe(4)
})

test('paths that fail are counted, and without any answer there is nothing', async () => {
  const hint = mailbox(() => Promise.reject(new Error('refused')))
  directory.answers = () => {
    throw new Error('no peers')
  }
  expect(await lookUp({ mailboxes: [hint] })).toBeUndefined()
  expect(finder.counts).toEqual({ valid: 0, stale: 0, refused: 0, failed: 3 })
})

test('gives up after ten seconds of silence', async () => {
  directory.answers = (signal) => untilAborted(signal)
  let result: Found | 'waiting' | undefined = 'waiting'
  const lookup = lookUp().then((found) => {
    result = found
  })
  await clock.advance(9_999)
  expect(result).toBe('waiting')
  await clock.advance(1)
  await lookup
  expect(result).toBeUndefined()
  expect(directory.ended).toBe(1)
})

test('the caller can stop it', async () => {
  directory.answers = (signal) => untilAborted(signal)
  const stop = new AbortController()
  const lookup = finder.find(owner.key, hints({}), { signal: stop.signal })
  const outcome = expect(lookup).rejects.toThrow('enough')
  stop.abort(new Error('enough'))
  await outcome
  await expect(finder.find(owner.key, hints({}), { signal: stop.signal })).rejects.toThrow('enough')
  expect(clock.pending).toBe(0)
})

test('never goes below what the caller knows', async () => {
  await serve(bundle(5))
  expect(await lookUp({ minSequence: 6 })).toBeUndefined()
  expect(finder.counts.stale).toBe(1)
  expect((await lookUp({ minSequence: 5 }))?.bundle.sequence).toBe(5)
})

test('never goes back behind what it has given, nor follows a twin', async () => {
  directory.answers = () => of({ value: bundle(7), from: somebody() })
  const first = await lookUp()
  directory.answers = () =>
    of({ value: bundle(6), from: somebody() }, { value: bundle(7), from: somebody() })
  expect(await lookUp()).toBeUndefined()
  const again = first?.bundle.bytes ?? new Uint8Array(0)
  directory.answers = () => of({ value: again, from: somebody() })
  expect((await lookUp())?.bundle.sequence).toBe(7)
})

/** A lookup whose answers, if any, are there at once. */
async function lookUp(known: Partial<ReturnType<typeof hints>> = {}): Promise<Found | undefined> {
  const lookup = finder.find(owner.key, hints(known), live())
  await settle()
  await clock.advance(100)
  return lookup
}

function hints(known: {
  readonly mailboxes?: readonly MailboxHint[]
  readonly minSequence?: number
}) {
  return { addresses: [], mailboxes: [], minSequence: 0, ...known }
}

function live(): { readonly signal: AbortSignal } {
  return { signal: new AbortController().signal }
}

function bundle(sequence: number, { now = clock.now() } = {}): Uint8Array {
  return testBundle(owner, { sequence, now }, random).bytes
}

function somebody(): PeerName {
  return peerName(testAccount(random).key)
}

/** The owner is online and serves these bytes, whatever they are. */
async function serve(bytes: Uint8Array): Promise<void> {
  const name = peerName(owner.key)
  const wire = network.find(name) ?? network.wire(name)
  await wire.unhandle(BUNDLE_PROTOCOL)
  await serveBundle(wire, () => bytes)
}

function mailbox(answer: () => Promise<Uint8Array | undefined>): MailboxHint {
  const account: AccountKey = testAccount(random).key
  mailboxes.set(toHex(account), answer)
  return { account, addresses: [] }
}

async function unreachable(): Promise<never> {
  throw new Error('unreachable')
}

async function* of(...answers: readonly DirectoryAnswer[]): AsyncGenerator<DirectoryAnswer> {
  yield* answers
}

/** Answers nothing until the lookup ends. */
async function* untilAborted(signal: AbortSignal): AsyncGenerator<DirectoryAnswer> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve))
  yield* of()
}
