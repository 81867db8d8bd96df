// Exact reading of protobuf messages: bounded before, and nothing but what we would have written ourselves.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf'
import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import { equalBytes, MAX_INTEGER } from './bytes.ts'
import { DecodeError } from './errors.ts'

/** The bytes of a message, fields in the order of their numbers. */
export function encodeMessage<Desc extends DescMessage>(
  schema: Desc,
  fields: MessageInitShape<Desc>,
): Uint8Array {
  return toBinary(schema, create(schema, fields))
}

/**
 * Reads a message whose bytes are signed or compared. Throws `DecodeError`: ERR_TOO_LARGE, ERR_MALFORMED, and
 * ERR_NOT_CANONICAL unless it re-encodes to the same bytes (so unknown fields are refused too).
 */
export function decodeExact<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  maxBytes: number,
): MessageShape<Desc> {
  const message = decodeOpen(schema, bytes, maxBytes)
  const again = toBinary(schema, message, { writeUnknownFields: false })
  if (!equalBytes(again, bytes)) throw new DecodeError('ERR_NOT_CANONICAL')
  return message
}

/** Like `decodeExact`, but fields that a later version may add at the end are let pass. */
export function decodeExtensible<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  maxBytes: number,
): MessageShape<Desc> {
  const message = decodeOpen(schema, bytes, maxBytes)
  if (!equalBytes(toBinary(schema, message), bytes)) throw new DecodeError('ERR_NOT_CANONICAL')
  return message
}

/** A number of a 64-bit field. Throws `DecodeError` ERR_MALFORMED above 2^53 - 1. */
export function toInteger(value: bigint): number {
  if (value > MAX_INTEGER) throw new DecodeError('ERR_MALFORMED')
  return Number(value)
}

function decodeOpen<Desc extends DescMessage>(
  schema: Desc,
  bytes: Uint8Array,
  maxBytes: number,
): MessageShape<Desc> {
  if (bytes.length > maxBytes) throw new DecodeError('ERR_TOO_LARGE')
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}
