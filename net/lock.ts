/** Runs the tasks of one key one after another, those of different keys beside each other. */
export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Runs `task` when every earlier task of `key` has settled. Settles as the task does. Not reentrant. */
  run<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#tails.get(key) ?? Promise.resolve()
    const result = before.then(task)
    const tail = result.catch(() => undefined) // the caller gets the rejection, the next task must not
    this.#tails.set(key, tail)
    void tail.then(() => {
      if (this.#tails.get(key) === tail) this.#tails.delete(key)
    })
    return result
  }

  /** Keys with a task that runs or waits. */
  get size(): number {
    return this.#tails.size
  }
}
