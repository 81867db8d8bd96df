/** Where a mailbox listens unless it is told otherwise: TCP on 4601, WebSockets on 4602. */
export const DEFAULT_LISTEN: readonly string[] = [
  '/ip4/0.0.0.0/tcp/4601',
  '/ip4/0.0.0.0/tcp/4602/ws',
]
