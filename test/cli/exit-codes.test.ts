import { expect, test } from 'vitest'
import { RPC_CODES } from '../../daemon/rpc-errors.ts'
import { exitCodeOf } from '../../cli/exit-codes.ts'
import { SottoError } from '../../node/errors.ts'
import type { SottoErrorCode } from '../../node/errors.ts'

const EXPECTED: Readonly<Record<SottoErrorCode, number>> = {
  ...{ INTERNAL: 1, INVALID_ARGUMENT: 2 },
  ...{ CONTACT_NOT_FOUND: 3, CONTACT_AMBIGUOUS: 3, MESSAGE_NOT_FOUND: 3, PROFILE_NOT_FOUND: 3 },
  ...{ MAILBOX_NOT_FOUND: 3, MEMBER_NOT_FOUND: 3, INVITATION_NOT_FOUND: 3 },
  ...{ KEY_CHANGED: 4, SAFETY_NUMBER_MISMATCH: 4, NOT_VERIFIED: 4 },
  ...{ PEER_UNREACHABLE: 5, WAIT_TIMEOUT: 6 },
  ...{ QUOTA_EXCEEDED: 7, NOT_ALLOWED: 7, TOO_LARGE: 7, PROFILE_EXISTS: 7, RATE_LIMITED: 7 },
  ...{ NODE_STOPPED: 8, STORE_LOCKED: 8 },
  ...{ DISK_FULL: 9, STORE_DAMAGED: 9, STORE_UNAVAILABLE: 9, NEWER_FORMAT: 9 },
  ...{ BAD_PASSPHRASE: 10, CONFIG_INVALID: 11 },
}

test.each(Object.entries(EXPECTED))('%s ends the program with %i', (code, exit) => {
  expect(exitCodeOf(new SottoError(code as SottoErrorCode, 'x'))).toBe(exit)
})

test('what is not ours is unexpected', () => {
  expect(exitCodeOf(new TypeError('x'))).toBe(1)
})

test('the numbers of the local API are all different', () => {
  expect(new Set(Object.values(RPC_CODES)).size).toBe(Object.keys(RPC_CODES).length)
})
