import { expect, test } from 'vitest'
import { FakeNode } from '../daemon/fake-node.ts'
import { Capture, profile, profileUp, sotto } from './support.ts'

interface Record {
  readonly seq: number
  readonly type: string
  readonly message: { readonly text: string }
}

async function withBob(): Promise<FakeNode> {
  const node = new FakeNode()
  await node.contacts.add('SOTTO:C/1/BOB')
  return node
}

/** Stops the run after so many lines, as a reader that goes away or a crash would. */
class Reader extends Capture {
  readonly left = new AbortController()
  readonly #after: number
  /** False: the write itself fails, as into a closed pipe. */
  readonly #taken: boolean

  constructor(after: number, taken = true) {
    super()
    this.#after = after
    this.#taken = taken
    // As cli/main.ts does for stdout: the failed write tells enough.
    this.on('error', () => undefined)
  }

  override _write(chunk: Uint8Array, encoding: string, done: (error?: Error) => void): void {
    const last = this.text.split('\n').length >= this.#after
    if (last && !this.#taken) {
      done(new Error('EPIPE'))
      return
    }
    super._write(chunk, encoding, done)
    if (last) this.left.abort(new Error('SIGTERM'))
  }

  get records(): readonly Record[] {
    return this.text
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  }
}

async function follow(home: string, reader: Reader, node?: FakeNode): Promise<number> {
  const argv = ['--home', home, 'inbox', '--json', '--follow', '--consumer', 'pager']
  const { exit } = await sotto(argv, {
    stdout: reader,
    interrupted: reader.left.signal,
    ...(node === undefined ? {} : { node }),
  })
  return exit
}

test('one record per line, in the published form', async () => {
  const node = await withBob()
  node.receive('bob', 'yes, one is fine')
  const reader = new Reader(1)
  await follow(await profileUp(node), reader)
  expect(reader.text).toBe(
    '{"v":1,"seq":1,"type":"message.received","at":"2026-11-21T10:41:07.312Z",' +
      '"contact":{"id":"c_bob","name":"bob","trust":"unverified"},' +
      '"message":{"id":"m_1","kind":"text","text":"yes, one is fine",' +
      '"sentAt":"2026-11-21T10:41:07.312Z","replyTo":null}}\n',
  )
})

test.each([true, false])(
  'a consumer that stops goes on without a gap (node is up: %s)',
  async (up) => {
    const node = await withBob()
    for (let i = 1; i <= 200; i++) node.receive('bob', `${i}`)
    const home = up ? await profileUp(node) : await profile()
    const seen: number[] = []
    for (const count of [3, 80, 1, 100]) {
      const before = node.cursors.get('pager') ?? 0
      const reader = new Reader(count)
      await follow(home, reader, up ? undefined : node)
      const numbers = reader.records.map(({ seq }) => seq)
      expect(numbers[0]).toBe(before + 1)
      expect(numbers).toEqual(numbers.map((_, at) => before + 1 + at))
      seen.push(...numbers)
    }
    expect(new Set(seen).size).toBe(Math.max(...seen))
  },
)

test('a record that could not be written is not handled: it comes again with the same seq', async () => {
  const node = await withBob()
  for (const text of ['one', 'two', 'three']) node.receive('bob', text)
  const home = await profileUp(node)
  const broken = new Reader(3, false)
  expect(await follow(home, broken)).toBe(1)
  expect(broken.records.map(({ seq }) => seq)).toEqual([1, 2])
  expect(node.cursors.get('pager')).toBe(2)
  const next = new Reader(1)
  await follow(home, next)
  expect(next.records).toMatchObject([{ seq: 3, message: { text: 'three' } }])
})

test('without a consumer the stream is a live tail', async () => {
  const node = await withBob()
  node.receive('bob', 'old')
  const home = await profileUp(node)
  const reader = new Reader(1)
  const events = node.events.bind(node)
  // The message arrives once the command listens.
  node.events = (options) => {
    const stream = events(options)
    setImmediate(() => node.receive('bob', 'new'))
    return stream
  }
  await sotto(['--home', home, 'rx', '--json', '--follow'], {
    stdout: reader,
    interrupted: reader.left.signal,
  })
  expect(reader.records).toMatchObject([{ message: { text: 'new' } }])
})

test('what was handled counts as read, unless kept', async () => {
  for (const [flag, state] of [
    ['--keep-unread', 'delivered'],
    ['--follow', 'read'],
  ] as const) {
    const node = await withBob()
    const { id } = node.receive('bob', 'hi')
    node.receive('bob', 'there')
    const reader = new Reader(2)
    const argv = ['--home', await profileUp(node), 'inbox', '--follow', flag, '--consumer', 'x']
    await sotto([...new Set(argv)], { stdout: reader, interrupted: reader.left.signal })
    expect(await node.messages.get(id)).toMatchObject({ state })
  }
})

test('--consumer belongs to --follow', async () => {
  expect((await sotto(['inbox', '--consumer', 'x'])).exit).toBe(2)
})

test('--timeout ends a stream with exit 6', async () => {
  const home = await profileUp(await withBob())
  const argv = ['--home', home, 'inbox', '--follow', '--timeout', '30ms']
  expect(await sotto(argv)).toMatchObject({ exit: 6, stdout: '' })
})

test('a node that goes away ends the stream with exit 8', async () => {
  const node = await withBob()
  node.receive('bob', 'hi')
  const home = await profileUp(node)
  const following = sotto(['--home', home, 'inbox', '--follow', '--consumer', 'x'])
  await expect.poll(() => node.cursors.get('x')).toBe(1)
  await sotto(['--home', home, 'down'])
  expect(await following).toMatchObject({ exit: 8 })
})
