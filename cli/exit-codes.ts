// The exit codes of the program: part of its interface, never renumbered.

import { RPC_CODES } from '../daemon/rpc-errors.ts'
import { SottoError } from '../node/errors.ts'

export const EXIT = {
  /** The promise asked for was kept. */
  ok: 0,
  /** Unexpected. */
  internal: 1,
  /** Bad or missing argument, or a question that may not be asked. */
  usage: 2,
  /** Unknown or ambiguous contact, message, profile, member, invitation. */
  notFound: 3,
  /** Key changed, mismatch, not verified. */
  trust: 4,
  /** Neither peer nor mailbox could be reached; the message stays queued. */
  unreachable: 5,
  /** The state asked for was not reached in time; the message stays queued. */
  timeout: 6,
  /** Quota, policy, blocked, too large. */
  refused: 7,
  /** Node needed and absent, store locked, incompatible node, Node.js too old. */
  node: 8,
  /** Disk full, damaged, newer format. */
  store: 9,
  /** Wrong passphrase. */
  auth: 10,
  /** Invalid settings. */
  config: 11,
  /** A check failed. */
  checkFailed: 13,
  interrupted: 130,
  terminated: 143,
} as const

/** The exit code an error ends the program with: its family. The numbers of the local API carry it. */
export function exitCodeOf(error: unknown): number {
  if (!(error instanceof SottoError)) return EXIT.internal
  if (error.code === 'INVALID_ARGUMENT') return EXIT.usage
  // Not a family of its own: the node refused to take more for now.
  if (error.code === 'RATE_LIMITED') return EXIT.refused
  const number = RPC_CODES[error.code]
  return number > 1000 ? Math.floor((number - 1000) / 100) : EXIT.internal
}
