/** What the benchmark says to the two processes of a subject, and the jobs that a sender does. */

export type Job = 'one-at-a-time' | 'windowed'

export type Order =
  /** To the receiver: the folder for its store. Answered with what the sender needs to know. */
  | { readonly receive: string }
  /** To the sender: how to find the receiver. */
  | { readonly meet: string; readonly folder: string }
  /** To the sender. */
  | { readonly run: Job; readonly messages: number }

/** Messages on their way at once in `windowed`. */
const WINDOW = 256

/** Sends one message and resolves when the recipient has acknowledged it. */
export type Deliver = (text: string) => Promise<void>

/** Milliseconds (the median) or messages per second. */
export function runJob(job: Job, messages: number, deliver: Deliver): Promise<number> {
  return job === 'one-at-a-time' ? oneAtATime(messages, deliver) : windowed(messages, deliver)
}

async function oneAtATime(messages: number, deliver: Deliver): Promise<number> {
  const times: number[] = []
  for (let i = 0; i < messages; i++) {
    const started = performance.now()
    await deliver(textOf(i))
    times.push(performance.now() - started)
  }
  times.sort((a, b) => a - b)
  return times[Math.floor(times.length / 2)] ?? Number.NaN
}

async function windowed(messages: number, deliver: Deliver): Promise<number> {
  const started = performance.now()
  const next = numbers(messages)
  const lane = async (): Promise<void> => {
    for (const number of next) await deliver(textOf(number))
  }
  await Promise.all(Array.from({ length: WINDOW }, lane))
  return messages / ((performance.now() - started) / 1000)
}

/** One iterator that all lanes take from. */
function* numbers(count: number): Generator<number> {
  for (let number = 0; number < count; number++) yield number
}

function textOf(number: number): string {
  return `message ${number}`.padEnd(100, '.')
}
