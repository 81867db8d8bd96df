/** Runs a task for each item, at most `atOnce` at a time. Results stand in the order of the items; the first failure ends it. */
export async function inTurns<T, R>(
  items: readonly T[],
  atOnce: number,
  task: (item: T) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = []
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < items.length) {
      const at = next++
      const [item] = items.slice(at, at + 1)
      if (item !== undefined) results[at] = await task(item)
    }
  }
  const failed = (error: unknown): never => {
    next = items.length
    throw error
  }
  await Promise.all(Array.from({ length: atOnce }, () => worker().catch(failed)))
  return results
}
