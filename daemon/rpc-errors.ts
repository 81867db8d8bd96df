// The one place where our errors become JSON-RPC errors and back.

import { SottoError } from '../node/errors.ts'
import type { SottoErrorCode, SottoErrorOptions } from '../node/errors.ts'
import type { JsonObject } from './json.ts'

/** JSON-RPC numbers: standard ones, else 1000 + 100 × exit code + n. The strings are the stable part. */
export const RPC_CODES: Readonly<Record<SottoErrorCode, number>> = {
  INTERNAL: -32603,
  INVALID_ARGUMENT: -32602,
  CONTACT_NOT_FOUND: 1301,
  CONTACT_AMBIGUOUS: 1302,
  MESSAGE_NOT_FOUND: 1303,
  PROFILE_NOT_FOUND: 1304,
  MAILBOX_NOT_FOUND: 1305,
  MEMBER_NOT_FOUND: 1306,
  INVITATION_NOT_FOUND: 1307,
  KEY_CHANGED: 1401,
  NOT_VERIFIED: 1402,
  SAFETY_NUMBER_MISMATCH: 1403,
  PEER_UNREACHABLE: 1501,
  WAIT_TIMEOUT: 1601,
  QUOTA_EXCEEDED: 1701,
  NOT_ALLOWED: 1702,
  TOO_LARGE: 1703,
  PROFILE_EXISTS: 1704,
  STORE_LOCKED: 1801,
  NODE_STOPPED: 1802,
  DISK_FULL: 1901,
  STORE_DAMAGED: 1902,
  NEWER_FORMAT: 1903,
  STORE_UNAVAILABLE: 1904,
  BAD_PASSPHRASE: 2001,
  CONFIG_INVALID: 2101,
  RATE_LIMITED: 2901,
}

/** The line was not JSON. */
export const PARSE_ERROR = -32700
/** The document was not a single JSON-RPC 2.0 request. */
export const INVALID_REQUEST = -32600
/** The node has no such method; it may be older than the client. */
export const METHOD_NOT_FOUND = -32601

/** The error object of a JSON-RPC reply. */
export interface RpcError {
  readonly code: number
  readonly message: string
  readonly data: {
    readonly code: SottoErrorCode
    readonly hint: string
    readonly retryable: boolean
    readonly retryAfterMs?: number
    readonly details?: JsonObject
  }
}

/** A `SottoError` that carries what was achieved before it, such as the message that stays queued. */
export class DetailedError extends SottoError {
  readonly details: JsonObject

  constructor(
    code: SottoErrorCode,
    message: string,
    details: JsonObject,
    options?: SottoErrorOptions,
  ) {
    super(code, message, options)
    this.details = details
  }
}

/** What of an error may leave the process: of an unexpected one nothing but that it happened. */
export function toRpcError(thrown: unknown): RpcError {
  const error = toSottoError(thrown)
  const { code, message, hint, retryable } = error
  const details = error instanceof DetailedError ? { details: error.details } : {}
  return { code: RPC_CODES[code], message, data: { code, hint, retryable, ...details } }
}

/** The error a reply stands for. Unknown codes of a newer node become INTERNAL with their message. */
export function fromRpcError(error: unknown): SottoError {
  const { message, data } = asObject(error)
  const { code, hint, retryable, details } = asObject(data)
  const options = { hint: asText(hint), retryable: retryable === true }
  const known = isErrorCode(code) ? code : 'INTERNAL'
  const text = asText(message) || 'the node answered with an error'
  if (typeof details !== 'object' || details === null) return new SottoError(known, text, options)
  return new DetailedError(known, text, asObject(details) as JsonObject, options)
}

/** An error object for a request refused before any method ran. */
export function refusal(code: number, message: string): RpcError {
  return { code, message, data: { code: 'INVALID_ARGUMENT', hint: '', retryable: false } }
}

/** Every failure as the one class the callers know; the cause is kept for this process only. */
export function toSottoError(cause: unknown): SottoError {
  if (cause instanceof SottoError) return cause
  return new SottoError('INTERNAL', 'something unexpected went wrong inside the node', { cause })
}

function isErrorCode(code: unknown): code is SottoErrorCode {
  return typeof code === 'string' && Object.hasOwn(RPC_CODES, code)
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : ''
}
