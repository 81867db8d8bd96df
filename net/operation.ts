// What a batch does to records.

export type Operation =
  | Write
  /**
   * A put whose value is asked for when its batch is written, and only if no later one of the batch has the same key: for
   * counters that change with everything else.
   */
  | { readonly type: 'state'; readonly key: string; readonly value: () => Uint8Array }
  /** What is there when the batch is written, under the key of now; nothing where the batch writes that record. */
  | { readonly type: 'again'; readonly key: string }

/** All but what has to be looked up. */
export type Known = Exclude<Operation, { readonly type: 'again' }>

/** As the database takes it. */
export type Write =
  | { readonly type: 'put'; readonly key: string; readonly value: Uint8Array }
  | { readonly type: 'del'; readonly key: string }

export function isKnown(operation: Operation): operation is Known {
  return operation.type !== 'again'
}

/** Bytes of values that are known before the batch is written. */
export function sizeOf(operations: readonly Operation[]): number {
  let bytes = 0
  for (const operation of operations) if (operation.type === 'put') bytes += operation.value.length
  return bytes
}
