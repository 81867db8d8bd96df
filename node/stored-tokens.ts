// Delivery tokens as a contact's record has them: ours for the contact, and theirs for us.

import { create } from '@bufbuild/protobuf'
import { accountKey } from '../protocol/account.ts'
import { deliveryToken, deliveryTokenBytes } from '../protocol/delivery-token.ts'
import { DecodeError } from '../protocol/errors.ts'
import {
  StoredIssuedTokenSchema,
  StoredTheirTokenSchema,
  type ContactRecord,
  type StoredIssuedToken,
} from '../protocol/generated/store_pb.ts'
import { toInteger } from '../protocol/protobuf.ts'
import type { IssuedToken } from './issued-tokens.ts'
import type { TheirTokens } from './their-tokens.ts'

/** What of a contact's record is about tokens. */
export interface Tokens {
  readonly tokens: readonly IssuedToken[]
  /** Of the last profile that told of them; 0: none has. */
  readonly tokenRevision: number
  readonly theirTokens: TheirTokens
}

type TokenFields = Pick<
  ContactRecord,
  'tokens' | 'tokenRevision' | 'theirTokens' | 'theirTokenRevision'
>

export function storedTokens({ tokens, tokenRevision, theirTokens }: Tokens): TokenFields {
  return {
    tokens: tokens.map(storedIssued),
    tokenRevision: BigInt(tokenRevision),
    theirTokens: theirTokens.tokens.map(({ mailbox, token }) =>
      create(StoredTheirTokenSchema, { mailbox, token: deliveryTokenBytes(token) }),
    ),
    theirTokenRevision: BigInt(theirTokens.revision),
  }
}

function storedIssued(issued: IssuedToken): StoredIssuedToken {
  const { mailbox, slot, token, renewAt, due, toldAt, previous } = issued
  return create(StoredIssuedTokenSchema, {
    ...{ mailbox, slot, token: deliveryTokenBytes(token), due },
    ...{ renewAt: BigInt(renewAt), toldAt: BigInt(toldAt) },
    ...(previous && {
      previous: deliveryTokenBytes(previous.token),
      previousUntil: BigInt(previous.until),
    }),
  })
}

/** Throws `DecodeError`. */
export function readTokens(record: TokenFields): Tokens {
  return {
    tokens: record.tokens.map(readIssued),
    tokenRevision: toInteger(record.tokenRevision),
    theirTokens: {
      revision: toInteger(record.theirTokenRevision),
      tokens: record.theirTokens.map(({ mailbox, token }) => ({
        mailbox,
        token: deliveryToken(token.slice()),
      })),
    },
  }
}

function readIssued(stored: StoredIssuedToken): IssuedToken {
  if (stored.slot === 0) throw new DecodeError('ERR_MALFORMED')
  return {
    mailbox: accountKey(stored.mailbox),
    slot: stored.slot,
    token: deliveryToken(stored.token.slice()),
    renewAt: toInteger(stored.renewAt),
    due: stored.due,
    toldAt: toInteger(stored.toldAt),
    previous:
      stored.previous.length === 0
        ? undefined
        : {
            token: deliveryToken(stored.previous.slice()),
            until: toInteger(stored.previousUntil),
          },
  }
}
