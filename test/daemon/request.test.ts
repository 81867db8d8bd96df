import { expect, test } from 'vitest'
import { readRequest } from '../../daemon/request.ts'
import { INVALID_REQUEST, PARSE_ERROR } from '../../daemon/rpc-errors.ts'

test('a request is what it says, whatever else is in it', () => {
  const request = { jsonrpc: '2.0', id: 'a', method: 'x', params: {}, error: { code: 1 } }
  expect(readRequest(JSON.stringify(request))).toEqual({ kind: 'request', request })
})

test.each([
  ['no JSON', '{', null, PARSE_ERROR],
  ['a batch', '[{"jsonrpc":"2.0","method":"x","id":1}]', null, INVALID_REQUEST],
  ['a text', '"x"', null, INVALID_REQUEST],
  ['another version', '{"jsonrpc":"1.0","method":"x","id":7}', 7, INVALID_REQUEST],
  ['no method', '{"jsonrpc":"2.0","id":"a"}', 'a', INVALID_REQUEST],
  ['an id that is none', '{"jsonrpc":"2.0","method":"x","id":{}}', null, INVALID_REQUEST],
  ['a long id', `{"jsonrpc":"2.0","method":"x","id":"${'a'.repeat(257)}"}`, null, INVALID_REQUEST],
] as const)('%s is refused under the id that can be told', (_, line, id, code) => {
  expect(readRequest(line)).toMatchObject({ kind: 'refused', id, error: { code } })
})
