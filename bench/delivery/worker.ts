/** The part of a process that is the same for every subject: it takes orders from the benchmark until it is told to end. */
import { type Deliver, type Order, type Report, runJob } from './jobs.ts'

export interface Worker {
  /** Starts the receiving end and returns what a sender needs to find it. */
  readonly receive: (folder: string) => Promise<string>
  /** Starts the sending end and waits until a first message has arrived. */
  readonly send: (folder: string, meet: string) => Promise<Deliver>
}

/** Runs as the receiver or the sender, as the second argument says; the third is the folder for its store. */
export async function work(worker: Worker): Promise<void> {
  const [role, folder = ''] = process.argv.slice(2)
  process.on('disconnect', () => process.exit(0)) // the benchmark has ended
  process.on('unhandledRejection', (cause) => fail(cause))
  if (role === 'receiver') return tell({ ready: await worker.receive(folder) })

  let deliver: Deliver | undefined
  process.on('message', (order: Order) => {
    obey(order).catch(fail)
  })
  tell({ ready: '' })

  async function obey(order: Order): Promise<void> {
    if ('meet' in order) {
      deliver = await worker.send(folder, order.meet)
      tell({ ready: '' })
    } else if (deliver !== undefined) {
      tell({ value: await runJob(order.run, order.messages, deliver) })
    }
  }
}

function tell(report: Report): void {
  process.send?.(report)
}

function fail(cause: unknown): void {
  tell({ problem: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause) })
}
