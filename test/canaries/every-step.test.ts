// Two people and a mailbox, and a fault in every call that leaves a core, one after another: the store, the wire, the
// generator, the clock and the decryption. Whatever fails, no error, no log, no frame and no record shows a secret, a text or
// the name of a contact.
import { expect, test, vi } from 'vitest'
import { CryptoError } from '../../protocol/errors.ts'
import { equalBytes, utf8 } from '../../protocol/bytes.ts'
import { decodeMailboxFrame } from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { introduce, ChatWorld, type Ports } from '../support/chat-world.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { asText, canariesIn, rawIn, shown, textCanaries, type Canary } from '../support/canaries.ts'
import type { Channel, Wire } from '../../net/ports.ts'

/** Every secret that was made, as it was then. */
const secrets = vi.hoisted(() => new Map<string, { name: string; bytes: Uint8Array }>())
/** Counts the calls that can fail, and says which one does. */
const faults = vi.hoisted(() => ({
  calls: new Map<string, number>(),
  port: '',
  at: 0,
  failed: false,
  fails(port: string): boolean {
    const call = (this.calls.get(port) ?? 0) + 1
    this.calls.set(port, call)
    if (port !== this.port || call !== this.at) return false
    this.failed = true
    return true
  },
}))

vi.mock('../../protocol/secret.ts', async (original) => {
  const actual = await original<typeof import('../../protocol/secret.ts')>()
  class Recorded<Name extends string> extends actual.Secret<Name> {
    constructor(name: Name, bytes: Uint8Array) {
      super(name, bytes)
      secrets.set(`${name} ${bytes.slice(0, 8).join()}`, { name, bytes: bytes.slice() })
    }
  }
  return { ...actual, Secret: Recorded }
})

vi.mock('../../protocol/crypto.ts', async (original) => {
  const actual = await original<typeof import('../../protocol/crypto.ts')>()
  const failing =
    <A extends readonly unknown[]>(open: (...args: A) => Uint8Array) =>
    (...args: A): Uint8Array => {
      if (faults.fails('decryption')) throw new CryptoError('ERR_AEAD')
      return open(...args)
    }
  return { ...actual, aeadOpen: failing(actual.aeadOpen), openBytes: failing(actual.openBytes) }
})

const TEXTS = ['wombats ferment quartz', 'yodelling hippocrene ok', 'fjord vexes quixotic gnu']
const NAME = 'zanzibar marmalade'
const PORTS = ['clock', 'decryption', 'random', 'store', 'wire']

/** Some of the secrets that the story makes. */
const NAMES = [
  ...['AccountSeed', 'ChainKey', 'ChainMessageKey', 'BodyKey', 'RootKey'],
  'DeliveryToken',
]

/** A story takes a few calls more or less: the last ones need not come. */
const LAST_CALLS = 10

/** How many calls of each port are tried: spread evenly, or all of them. */
const TRIED = process.env['SLOW'] === '1' ? Number.POSITIVE_INFINITY : 10

/** With `CANARY_PART=2/4` only the second of four parts of these, for runs beside each other or one after another. */
const [PART = 1, PARTS = 1] = (process.env['CANARY_PART'] ?? '1/1').split('/').map(Number)

class Injected extends Error {}

function failing(ports: Ports): Ports {
  const { store, wire, clock, random } = ports
  const fail = (port: string): void => {
    if (faults.fails(port)) throw new Injected(`${port} failed`)
  }
  return {
    store: intercepted(store, ['get', 'batch', 'open'], ['getSync', 'iterator'], () =>
      fail('store'),
    ),
    wire: failingWire(wire, () => fail('wire')),
    // A clock does not fail, it is wrong.
    clock: {
      now: () => clock.now() + (faults.fails('clock') ? 30 * 365 * 86_400_000 : 0),
      after: (ms, run) => clock.after(ms, run),
    },
    random: (length) => {
      fail('random')
      return random(length)
    },
  }
}

/** The object, with a look before each call of these methods: those that reject, those that throw. */
function intercepted<T extends object>(
  target: T,
  rejecting: readonly string[],
  throwing: readonly string[],
  before: () => void,
): T {
  return new Proxy(target, {
    get: (_, name) => {
      const value: unknown = Reflect.get(target, name, target)
      if (typeof value !== 'function' || typeof name !== 'string') return value
      const call = (...args: readonly unknown[]): unknown => Reflect.apply(value, target, args)
      if (throwing.includes(name)) return (...args: readonly unknown[]) => (before(), call(...args))
      if (!rejecting.includes(name)) return call
      return async (...args: readonly unknown[]) => {
        before()
        return call(...args)
      }
    },
  })
}

function failingWire(wire: Wire, before: () => void): Wire {
  const channel = (inner: Channel): Channel => intercepted(inner, ['drained'], ['send'], before)
  const outer = intercepted(wire, ['handle'], [], before)
  return new Proxy(outer, {
    get: (_, name) => {
      if (name === 'open') {
        return async (...args: Parameters<Wire['open']>) => {
          before()
          return channel(await wire.open(...args))
        }
      }
      if (name === 'handle') {
        return async (
          protocol: string,
          options: Parameters<Wire['handle']>[1],
          handler: Parameters<Wire['handle']>[2],
        ) => {
          before()
          await wire.handle(protocol, options, (inner) => handler(channel(inner)))
        }
      }
      const value: unknown = Reflect.get(outer, name, outer)
      return value
    },
  })
}

/** What came out of one run. */
interface Traces {
  readonly errors: readonly unknown[]
  readonly printed: string
  readonly frames: string
  readonly stored: string
  readonly delivered: number
}

/** Two people write to each other, directly and through a mailbox. Ends whatever fails. */
async function story(): Promise<Traces> {
  const errors: unknown[] = []
  const frames: Uint8Array[] = []
  const printed = capture()
  const clock = new ManualClock()
  const world = await ChatWorld.create('every step', clock, failing)
  world.network.filter = ({ frame, protocol }) => (
    frames.push(protocol === MAILBOX_PROTOCOL ? withoutToken(frame) : frame.slice()),
    'deliver'
  )
  const attempt = async <T>(task: () => Promise<T>): Promise<T | undefined> => {
    let done = false
    const result = (async () => task())().catch((error: unknown) => void errors.push(error))
    void result.then(() => (done = true))
    for (let turn = 0; turn < 40 && !done; turn++) await clock.advance(500)
    return done ? await result : undefined
  }
  const ada = await attempt(() => world.person('ada'))
  const bob = await attempt(() => world.person('bob'))
  const mailbox = await attempt(() => world.mailbox())
  if (ada === undefined || bob === undefined || mailbox === undefined) {
    return { errors, printed: printed(), frames: '', stored: '', delivered: 0 }
  }
  const send = (text: string, state: 'stored' | 'delivered') => async (): Promise<void> => {
    const sent = await ada.node.conversation(bob.peer).send(text)
    await sent.until(state, { timeout: 5_000 })
  }
  await attempt(() => introduce(ada, bob))
  await attempt(() => ada.node.contacts.add(bob.peer, { name: NAME }))
  await attempt(send(TEXTS[0] ?? '', 'delivered'))
  await attempt(() => bob.node.conversation(ada.peer).send(TEXTS[1] ?? ''))
  await attempt(async () => {
    const entries = await bob.node.messages.list(ada.peer)
    await bob.node.messages.markRead(
      entries.flatMap((one) => (one.kind === 'text' ? [one.id] : [])),
    )
  })
  await attempt(() => bob.node.mailbox.use(mailbox.link))
  world.network.part(ada.peer, bob.peer)
  await attempt(send(TEXTS[2] ?? '', 'stored'))
  world.network.join(ada.peer, bob.peer)
  await attempt(() => ada.node.contacts.verify(NAME, '1234'))
  await attempt(() => ada.node.conversation(NAME).send('x'.repeat(100_000)))
  await clock.advance(60_000)
  let delivered = 0
  await attempt(async () => {
    const entries = await bob.node.messages.list(ada.peer)
    delivered = entries.filter((one) => one.kind === 'text' && one.direction === 'in').length
  })
  const look = faults.at % 10 === 1
  Object.assign(faults, { port: '' })
  const stored = await Promise.all([ada.disk.store, bob.disk.store, mailbox.store].map(dump))
  const shownNodes = look ? shown([ada.node, ada.core, bob.node, bob.core]) : ''
  for (const { node } of [ada, bob]) await attempt(() => node.stop())
  await attempt(() => mailbox.service.stop())
  const framesText = frames.map(asText).join('\n')
  return {
    errors: [...errors, shownNodes],
    printed: printed(),
    frames: framesText,
    stored: stored.join('\n'),
    delivered,
  }
}

/** A request as it is sent, but for the delivery token that it shows: that is whom and what it is for (docs/mailbox.md, 6). */
function withoutToken(frame: Uint8Array): Uint8Array {
  const { body } = decodeMailboxFrame(frame)
  const copy = frame.slice()
  if (body.case !== 'deposit' && body.case !== 'takePrekey') return copy
  const { token } = body.value
  for (let at = 0; token.length > 0 && at + token.length <= copy.length; at++) {
    if (equalBytes(copy.subarray(at, at + token.length), token)) copy.fill(0, at, at + token.length)
  }
  return copy
}

async function dump(store: Ports['store']): Promise<string> {
  const entries = await store.iterator<string, Uint8Array>({}).all()
  return entries.map(([key, value]) => `${asText(utf8(key))} ${asText(value)}`).join('\n')
}

/** What is printed, until the end is asked for. */
function capture(): () => string {
  const texts: string[] = []
  const spies = [process.stdout, process.stderr].map((stream) =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      texts.push(typeof chunk === 'string' ? chunk : asText(chunk))
      return true
    }),
  )
  const consoles = (['log', 'error', 'warn', 'info', 'debug'] as const).map((name) =>
    vi.spyOn(console, name).mockImplementation((...args) => void texts.push(shown(args))),
  )
  return () => {
    for (const spy of [...spies, ...consoles]) spy.mockRestore()
    return texts.join('\n')
  }
}

function leaks({ errors, printed, frames, stored }: Traces): readonly string[] {
  const words = [
    ...TEXTS.map((text, at) => textCanaries(`text ${at}`, text)),
    textCanaries('name', NAME),
  ].flat()
  const made: readonly Canary[] = [...secrets.values()]
  const said = [...errors.map(shown), printed].join('\n')
  return [
    ...canariesIn(said, [...words, ...made]).map((leak) => `${leak} in what is said`),
    ...canariesIn(stored, words).map((leak) => `${leak} in the store`),
    ...rawIn(stored, made).map((leak) => `${leak} in the store`),
    ...rawIn(frames, [...words, ...made]).map((leak) => `${leak} in a frame`),
  ]
}

test('whatever fails, nothing that is said, stored or sent shows a secret, a text or a name', async () => {
  const whole = await story()
  expect(whole.delivered).toBe(2)
  expect(whole.errors.filter((one) => one instanceof Error)).toHaveLength(2)
  expect(leaks(whole)).toEqual([])
  const names = new Set([...secrets.values()].map(({ name }) => name))
  for (const name of NAMES) {
    expect(names).toContain(name)
  }
  const counts = [...faults.calls]
  expect(counts.map(([port]) => port).toSorted()).toEqual(PORTS)
  for (const [port, calls] of counts) {
    const every = Math.max(1, calls / TRIED)
    for (let step = 1; step <= calls; step += every) {
      const at = Math.floor(step)
      if (at % PARTS !== PART % PARTS) continue
      Object.assign(faults, { calls: new Map(), port, at, failed: false })
      secrets.clear()
      const found = leaks(await story())
      const failed = faults.failed || at > calls - LAST_CALLS
      expect({ port, at, failed, found }).toEqual({
        port,
        at,
        failed: true,
        found: [],
      })
    }
  }
}, 14_400_000)
