// What is looked up when somebody asks, as opposed to what is told as it happens.

import type { MailboxServiceStatus } from '../service.ts'

export interface ConnectionCount {
  /** `tcp`, `ws` or `other`. */
  readonly transport: string
  readonly direction: string
  readonly count: number
}

export interface Snapshot {
  readonly status: MailboxServiceStatus
  /** Age of the oldest mail in ms, 0 without mail. */
  readonly oldestMs: number
  /** Bytes of mail that the operator grants, if a limit was set. */
  readonly diskBudget: number | undefined
  /** Of the file system that the folder is on; undefined for a mailbox in memory. */
  readonly diskFree: number | undefined
  readonly connections: readonly ConnectionCount[]
}

/** accepted = removed + waiting. Above 0, mail has been lost; below, it has come back. */
export function balanceOf({ accepted, removed, waiting }: MailboxServiceStatus): number {
  return accepted - removed - waiting
}
