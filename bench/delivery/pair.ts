/** The two processes of one subject, alive over all rounds. */
import { type ChildProcess, fork } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Job, Order, Report } from './jobs.ts'

/** Longer than any sample takes. */
const ANSWER_WITHIN = 120_000

export class Pair {
  readonly #receiver: ChildProcess
  readonly #sender: ChildProcess

  private constructor(receiver: ChildProcess, sender: ChildProcess) {
    this.#receiver = receiver
    this.#sender = sender
  }

  /** Starts both and lets them meet. `folder` is made, with one folder for each inside. */
  static async start(worker: string, folder: string): Promise<Pair> {
    const pair = new Pair(start(worker, 'receiver', folder), start(worker, 'sender', folder))
    try {
      const meet = await readyOf(pair.#receiver)
      await readyOf(pair.#sender)
      await readyOf(pair.#sender, { meet })
      return pair
    } catch (cause) {
      pair.end()
      throw cause
    }
  }

  /** One sample. */
  async run(job: Job, messages: number): Promise<number> {
    const report = await answer(this.#sender, { run: job, messages })
    if (!('value' in report)) throw new Error('A worker answered something else')
    return report.value
  }

  end(): void {
    this.#receiver.kill('SIGKILL')
    this.#sender.kill('SIGKILL')
  }
}

function start(worker: string, role: string, folder: string): ChildProcess {
  const own = join(folder, role)
  mkdirSync(own, { recursive: true, mode: 0o700 })
  const script = new URL(worker, import.meta.url)
  return fork(script, [role, own], { stdio: ['ignore', 2, 2, 'ipc'] })
}

async function readyOf(child: ChildProcess, order?: Order): Promise<string> {
  const report = await answer(child, order)
  if (!('ready' in report)) throw new Error('A worker answered something else')
  return report.ready
}

/** Gives an order, if there is one, and waits for the next report. */
function answer(child: ChildProcess, order?: Order): Promise<Report> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(new Error('A worker does not answer')), ANSWER_WITHIN)
    const onMessage = (report: Report): void => {
      settle('problem' in report ? new Error(report.problem) : report)
    }
    const onExit = (): void => settle(new Error('A worker has ended'))
    const settle = (result: Report | Error): void => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
      if (result instanceof Error) reject(result)
      else resolve(result)
    }
    child.on('message', onMessage).on('exit', onExit)
    if (order !== undefined) child.send(order)
  })
}
