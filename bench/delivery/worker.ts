/** The part of a process that is the same for every subject. */
import { takeOrders } from '../orders.ts'
import { type Deliver, type Order, runJob } from './jobs.ts'

export interface Worker {
  /** Starts the receiving end and returns what a sender needs to find it. */
  readonly receive: (folder: string) => Promise<string>
  /** Starts the sending end and waits until a first message has arrived. */
  readonly send: (folder: string, meet: string) => Promise<Deliver>
}

/** Becomes the receiver or the sender by its first order. */
export function work(worker: Worker): void {
  let deliver: Deliver | undefined
  takeOrders(async (order: Order) => {
    if ('receive' in order) return worker.receive(order.receive)
    if ('meet' in order) deliver = await worker.send(order.folder, order.meet)
    else if (deliver !== undefined) return runJob(order.run, order.messages, deliver)
    return undefined
  })
}
