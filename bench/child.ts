/** A process of a benchmark: it takes one order at a time and answers it. Its own side is `orders.ts`. */
import { type ChildProcess, fork } from 'node:child_process'
import type { Answer } from './orders.ts'

/** Longer than any sample takes. */
const ANSWER_WITHIN = 600_000

export class Child<Order extends object> {
  readonly #process: ChildProcess

  private constructor(process: ChildProcess) {
    this.#process = process
  }

  /** Starts a script. What it prints goes to stderr. */
  static start<Order extends object>(script: URL): Child<Order> {
    return new Child(fork(script, { stdio: ['ignore', 2, 2, 'ipc'] }))
  }

  /** Gives an order and waits for what the script returns for it. Rejects when it fails, ends, or takes too long. */
  ask<Value>(order: Order): Promise<Value> {
    const child = this.#process
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle('A worker does not answer'), ANSWER_WITHIN)
      const onMessage = (answer: Answer): void => {
        if ('problem' in answer) return settle(answer.problem)
        settle()
        resolve(answer.value as Value)
      }
      const onExit = (): void => settle('A worker has ended')
      const settle = (problem?: string): void => {
        clearTimeout(timer)
        child.off('message', onMessage).off('exit', onExit)
        if (problem !== undefined) reject(new Error(problem))
      }
      child.on('message', onMessage).on('exit', onExit)
      child.send(order)
    })
  }

  get pid(): number {
    return this.#process.pid ?? 0
  }

  end(): void {
    this.#process.kill('SIGKILL')
  }
}
