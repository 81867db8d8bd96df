// One line of the local socket as a request, or as the reason why it is none.

import type { JSONRPCRequest } from 'json-rpc-2.0'
import { INVALID_REQUEST, PARSE_ERROR, refusal, type RpcError } from './rpc-errors.ts'

export type RequestId = string | number | null

/** A request, or why a line is none, with the id that can be told from it. */
export type ReadRequest =
  | { readonly kind: 'request'; readonly request: JSONRPCRequest }
  | { readonly kind: 'refused'; readonly id: RequestId; readonly error: RpcError }

const MAX_ID_LENGTH = 256

/** Reads a line; throws nothing. */
export function readRequest(line: string): ReadRequest {
  let document: unknown
  try {
    document = JSON.parse(line)
  } catch {
    return refused(null, PARSE_ERROR, 'the line is not JSON')
  }
  if (typeof document !== 'object' || document === null || Array.isArray(document)) {
    return refused(null, INVALID_REQUEST, 'send one request object per line')
  }
  if (isRequest(document)) return { kind: 'request', request: document }
  const id = 'id' in document && isId(document.id) ? document.id : null
  return refused(id, INVALID_REQUEST, 'this is not a JSON-RPC 2.0 request')
}

function refused(id: RequestId, code: number, message: string): ReadRequest {
  return { kind: 'refused', id, error: refusal(code, message) }
}

function isRequest(document: object): document is JSONRPCRequest {
  return (
    'jsonrpc' in document &&
    document.jsonrpc === '2.0' &&
    'method' in document &&
    typeof document.method === 'string' &&
    (!('id' in document) || isId(document.id))
  )
}

function isId(id: unknown): id is RequestId {
  return (
    id === null || typeof id === 'number' || (typeof id === 'string' && id.length <= MAX_ID_LENGTH)
  )
}
