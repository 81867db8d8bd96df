/** Runs inputs through parsers, and keeps count. */
import { toHex } from '../../protocol/bytes.ts'
import { Dice } from './dice.ts'
import type { Parser } from './parser.ts'
import { CampaignError, holdToLaws, makeInput } from './parser.ts'

/** What is known of one parser so far. Inputs are numbered from 0; `inputs` is the next number. */
export interface Counts {
  readonly inputs: number
  readonly accepted: number
  /** All inputs together, made and read, in ms of a processor: what else the machine does is not in it. */
  readonly ms: number
  /** The input that took longest. */
  readonly worstMs: number
  readonly worst: number
  readonly failures: readonly Failure[]
}

export interface Failure {
  readonly input: number
  readonly reason: string
}

export const NO_COUNTS: Counts = {
  ...{ inputs: 0, accepted: 0, ms: 0, worstMs: 0, worst: 0, failures: [] },
}

/** Inputs between two turns of the event loop. */
const REST = 500

/** More failures of one parser are not written down. */
const MAX_FAILURES = 20

/** The input of a parser with a number, in a campaign of a seed. */
export function inputOf(entry: Parser, seed: string, number: number): Uint8Array {
  return makeInput(entry, new Dice(`${seed} ${entry.name} ${number}`))
}

/** Runs the next inputs of a parser, until there are `until` of them or the time is over. */
export async function runParser(
  entry: Parser,
  seed: string,
  before: Counts,
  { until, isOver = () => false }: { readonly until: number; readonly isOver?: () => boolean },
): Promise<Counts> {
  let { accepted, worstMs, worst } = before
  const failures = [...before.failures]
  const started = cpuMs()
  let number = before.inputs
  for (; number < until && !isOver(); number += 1) {
    if (number % REST === 0) await rest()
    const input = inputOf(entry, seed, number)
    const from = performance.now()
    try {
      if (await holdToLaws(entry, input)) accepted += 1
    } catch (error) {
      if (!(error instanceof CampaignError)) throw error
      if (failures.length < MAX_FAILURES) failures.push({ input: number, reason: reasonOf(error) })
    }
    if (performance.now() - from <= worstMs) continue
    const took = await timeOf(entry, input)
    if (took > worstMs) [worstMs, worst] = [took, number]
  }
  const ms = before.ms + cpuMs() - started
  return { inputs: number, accepted, ms, worstMs, worst, failures }
}

/** Signals are heard, and what only waits for the end of a turn is let go. */
function rest(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}

/** What an input takes of a processor: once more, as the first time may have been spent on waiting for one. */
async function timeOf(entry: Parser, input: Uint8Array): Promise<number> {
  const from = cpuMs()
  try {
    await holdToLaws(entry, input)
  } catch {
    // Counted already.
  }
  return cpuMs() - from
}

/** One input again, whatever it throws. */
export async function replay(entry: Parser, seed: string, number: number): Promise<string> {
  const input = inputOf(entry, seed, number)
  const verdict = (await holdToLaws(entry, input)) ? 'accepted' : 'refused'
  return `${toHex(input)}\n${verdict}`
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1000
}

function reasonOf(error: CampaignError): string {
  const { cause } = error
  return cause instanceof Error ? `${error.message}: ${cause.name} ${cause.message}` : error.message
}
