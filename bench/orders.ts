/** The side of a process that takes orders from a benchmark (`child.ts`) until it is ended. */

export type Answer = { readonly value: unknown } | { readonly problem: string }

/**
 * Obeys each order and answers with what that returns. Ends with the benchmark. Orders are of the type that `obey` takes: the
 * benchmark is the one who gives them.
 */
export function takeOrders(obey: (order: never) => Promise<unknown>): void {
  process.on('disconnect', () => process.exit(0)) // the benchmark has ended
  process.on('unhandledRejection', (cause) => fail(cause))
  process.on('message', (order) => {
    obey(order as never).then((value) => tell({ value }), fail)
  })
}

function tell(answer: Answer): void {
  process.send?.(answer)
}

function fail(cause: unknown): void {
  tell({ problem: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
}
