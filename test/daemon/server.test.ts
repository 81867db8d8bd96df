import { stat, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { answers, connectDaemon } from '../../daemon/client.ts'
import { serve } from '../../daemon/server.ts'
import { prepareSocket } from '../../daemon/socket-path.ts'
import { SottoError } from '../../node/errors.ts'
import { FakeNode } from './fake-node.ts'
import { client, raw, request, served, temporaryFolder } from './support.ts'

test('the socket belongs to its user alone', async () => {
  const { path } = await served()
  expect((await stat(path)).mode & 0o777).toBe(0o600)
})

test('10 000 pipelined requests are all answered, each under its id', async () => {
  const { path } = await served()
  const bytes = Array.from({ length: 10_000 }, (_, id) => request(id, 'id.get')).join('')
  const replies = await raw(path, bytes, 10_000)
  expect(new Set(replies.map(({ id }) => id)).size).toBe(10_000)
  const refused = replies.filter(({ error }) => error !== undefined)
  expect(refused.every(({ error }) => error?.data.code === 'RATE_LIMITED')).toBe(true)
  expect(replies.length - refused.length).toBeGreaterThanOrEqual(64)
})

test('above 64 requests that wait, the 65th is told so and the rest still work', async () => {
  const { node, path } = await served()
  node.reach = 'queued'
  await node.contacts.add('SOTTO:C/1/BOB')
  const wait = { to: 'bob', text: 'hi', wait: 'delivered' }
  const waiting = Array.from({ length: 64 }, (_, id) => request(id, 'message.send', wait)).join('')
  const [reply] = await raw(path, waiting + request(64, 'id.get'), 1)
  expect(reply).toMatchObject({ id: 64, error: { code: 2901, data: { code: 'RATE_LIMITED' } } })
})

test('our client keeps to the limit by itself', async () => {
  const { path } = await served()
  const caller = await client(path)
  const replies = await Promise.all(Array.from({ length: 500 }, () => caller.call('id.get', {})))
  expect(replies.every(({ name }) => name === 'ada')).toBe(true)
})

test.each([
  ['not JSON', 'nonsense\n', { id: null, error: { code: -32700 } }],
  ['a batch', '[]\n', { id: null, error: { code: -32600 } }],
  ['null', 'null\n', { id: null, error: { code: -32600 } }],
  ['no method', '{"jsonrpc":"2.0","id":7}\n', { id: 7, error: { code: -32600 } }],
  ['old version', '{"id":8,"method":"id.get"}\n', { id: 8, error: { code: -32600 } }],
  ['unknown method', request(9, 'toString'), { id: 9, error: { code: -32601 } }],
  ['list of params', request(10, 'id.get', [1]), { id: 10, error: { code: -32602 } }],
  ['unknown field', request('a', 'id.get', { x: 1 }), { id: 'a', error: { code: -32602 } }],
  ['inherited field', request(11, 'id.get', { toString: 1 }), { id: 11, error: { code: -32602 } }],
  ['wrong type', request(12, 'contact.get', { contact: 5 }), { id: 12, error: { code: -32602 } }],
  ['missing', request(13, 'contact.get', {}), { id: 13, error: { code: -32602 } }],
])('%s is answered with an error and the connection goes on', async (_, line, expected) => {
  const { path } = await served()
  const replies = await raw(path, line + request('next', 'id.get'), 2)
  expect(replies.find(({ id }) => id === expected.id)).toMatchObject(expected)
  expect(replies.find(({ id }) => id === 'next')).toMatchObject({ result: { name: 'ada' } })
})

test('a frame above 1 MiB is refused and the connection closed', async () => {
  const { path } = await served()
  const replies = await raw(path, new Uint8Array(1024 * 1024 + 2).fill(0x20))
  expect(replies).toMatchObject([{ id: null, error: { code: -32600 } }])
})

test('the seventeenth connection is told so, and one more fits when another leaves', async () => {
  const { path } = await served()
  const clients = await Promise.all(Array.from({ length: 16 }, () => client(path)))
  await Promise.all(clients.map((each) => each.call('id.get', {})))
  const [refused] = await raw(path, '')
  expect(refused).toMatchObject({ id: null, error: { data: { code: 'RATE_LIMITED' } } })
  const late = await client(path)
  await expect(late.call('id.get', {})).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  await clients[0]?.close()
  await expect
    .poll(async () => (await connectDaemon(path))?.call('id.get', {}).catch(() => undefined))
    .toMatchObject({ name: 'ada' })
})

test('a socket left behind by a dead process is replaced, a living one is not', async () => {
  const path = await prepareSocket(await temporaryFolder())
  await writeFile(path, '')
  const init = { node: new FakeNode(), path, version: '1', onStop: () => undefined }
  const server = await serve(init)
  expect(await answers(path)).toBe(true)
  await expect(serve(init)).rejects.toMatchObject({ code: 'STORE_LOCKED' })
  await server.close()
  expect(await answers(path)).toBe(false)
})

test('what nobody answers on counts as no node', async () => {
  const home = await temporaryFolder()
  expect(await connectDaemon(`${home}/none`)).toBeUndefined()
})

test('errors keep code, hint and retryability over the socket', async () => {
  const { path } = await served()
  const caller = await client(path)
  const error: unknown = await caller.call('contact.get', { contact: 'x' }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(SottoError)
  expect(error).toMatchObject({ code: 'CONTACT_NOT_FOUND', hint: expect.stringContaining('list') })
})

test('an unexpected error tells the caller nothing of the inside', async () => {
  const { node, path } = await served()
  node.messages.get = () => Promise.reject(new Error('secret detail'))
  const [reply] = await raw(path, request(1, 'message.get', { id: 'm_1' }), 1)
  expect(reply).toMatchObject({ error: { code: -32603, data: { code: 'INTERNAL' } } })
  expect(JSON.stringify(reply)).not.toContain('secret detail')
})

test('a wait that is not met is an error that carries the queued message', async () => {
  const { node, path } = await served()
  node.reach = 'queued'
  await node.contacts.add('SOTTO:C/1/BOB')
  const caller = await client(path)
  const sending = caller.call('message.send', { to: 'bob', text: 'hi', wait: 'stored', timeout: 1 })
  await expect(sending).rejects.toMatchObject({
    code: 'WAIT_TIMEOUT',
    details: { message: { id: 'm_1', state: 'queued', to: { name: 'bob' } } },
  })
})

test('an aborted call is rejected here and cancelled there', async () => {
  const { node, path } = await served()
  node.reach = 'queued'
  await node.contacts.add('SOTTO:C/1/BOB')
  const caller = await client(path)
  const stop = new AbortController()
  const waiting = caller.call(
    'message.send',
    { to: 'bob', text: 'hi', wait: 'stored' },
    { signal: stop.signal },
  )
  await expect.poll(async () => (await node.messages.list('bob')).length).toBe(1)
  stop.abort(new Error('enough'))
  await expect(waiting).rejects.toThrow('enough')
  await expect(caller.call('id.get', {})).resolves.toMatchObject({ name: 'ada' })
})

test('node.stop is answered before the socket closes, and a waiting call ends with an error', async () => {
  const { path, stops, close } = await served()
  const caller = await client(path)
  await expect(caller.call('node.stop', {})).resolves.toEqual({ stopping: true })
  expect(stops()).toBe(1)
  await close()
  await expect(caller.call('id.get', {})).rejects.toMatchObject({ code: 'NODE_STOPPED' })
})

test('a server of something else on the socket does not hang the client', async () => {
  const path = await prepareSocket(await temporaryFolder())
  const other = createServer((socket) => socket.resume().end('HTTP/1.1 400 Bad Request\n'))
  await new Promise<void>((resolve) => other.listen(path, resolve))
  const caller = await client(path)
  await expect(caller.call('id.get', {})).rejects.toMatchObject({ code: 'INTERNAL' })
  await new Promise((resolve) => other.close(resolve))
})
