// Protobuf records of the store: what is read of them is of this version, and refused with a typed error otherwise.

import { fromBinary, type Message } from '@bufbuild/protobuf'
import type { GenMessage } from '@bufbuild/protobuf/codegenv2'
import { DecodeError } from '../protocol/errors.ts'

/** The version that all records of a node carry in their first field. */
export const RECORD_VERSION = 1

/**
 * Reads a record. Throws `DecodeError`: ERR_UNKNOWN_VERSION where a newer version wrote it, ERR_MALFORMED where it is none.
 */
export function decodeRecord<Record extends Message & { readonly version: number }>(
  schema: GenMessage<Record>,
  bytes: Uint8Array,
): Record {
  const record = parse(schema, bytes)
  if (record.version !== RECORD_VERSION) throw new DecodeError('ERR_UNKNOWN_VERSION')
  return record
}

function parse<Record extends Message>(schema: GenMessage<Record>, bytes: Uint8Array): Record {
  try {
    return fromBinary(schema, bytes)
  } catch (cause) {
    throw new DecodeError('ERR_MALFORMED', { cause })
  }
}
