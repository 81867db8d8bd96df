/**
 * Whether a stranger can tell by the time of a refusal why a mailbox refuses. A guesser learns from half of the times of two cases
 * and is tested on the other half.
 */
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child } from './child.ts'
import { success } from './oracle/guesser.ts'
import { BUNDLE_CASES, DEPOSIT_CASES } from './oracle/orders.ts'
import { median } from './statistics.ts'
import type { AskerOrder, HostOrder, OracleMeeting, Times } from './oracle/orders.ts'
import type { Bench, Case } from './rounds.ts'

/** Of each case in each round. */
const SAMPLES = 1000

/** Is as unknown as those whose case is called so. */
const CONTROL = 'control'

/** Starts the mailbox and the stranger; `end` stops them and removes their folder. */
export async function oracleBench(): Promise<Bench> {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-bench-'))
  const host = Child.start<HostOrder>(new URL('oracle/host.ts', import.meta.url))
  const asker = Child.start<AskerOrder>(new URL('oracle/asker.ts', import.meta.url))
  const end = (): void => {
    for (const child of [host, asker]) child.end()
    rmSync(folder, { recursive: true, force: true })
  }
  try {
    const serve = join(folder, 'mailbox')
    mkdirSync(serve, { mode: 0o700 })
    await asker.ask({ meet: await host.ask<OracleMeeting>({ serve }) })
    const ask = (what: 'deposit' | 'bundle') => () =>
      asker.ask<Times>({ ask: what, samples: SAMPLES })
    const cases = [
      ...casesOf('deposit', DEPOSIT_CASES, ask('deposit')),
      ...casesOf('bundle', BUNDLE_CASES, ask('bundle')),
    ]
    return { cases, end }
  } catch (cause) {
    end()
    throw cause
  }
}

/** The first asks; the others look at another side of the same samples. */
function casesOf(
  subject: string,
  names: readonly string[],
  ask: () => Promise<Times>,
): readonly Case[] {
  let times: Times = {}
  const of = (name: string): readonly number[] => times[name] ?? []
  const real = names.filter((name) => name !== CONTROL)
  const pairs = real.flatMap((a, at) => real.slice(at + 1).map((b) => [a, b] as const))
  const guess = ([a, b]: readonly [string, string]): number => success(of(a), of(b))
  const worst = async (): Promise<number> => {
    times = await ask()
    return Math.max(...pairs.map(guess))
  }
  return [
    { job: 'worst', subject, unit: 'share', run: worst },
    {
      job: 'control',
      subject,
      unit: 'share',
      run: () => Promise.resolve(guess(['unknown', CONTROL])),
    },
    ...pairs.map((pair): Case => {
      const job = pair.join(' / ')
      return { job, subject, unit: 'share', run: () => Promise.resolve(guess(pair)) }
    }),
    ...real.map((job): Case => {
      return { job, subject, unit: 'ms', run: () => Promise.resolve(median(of(job))) }
    }),
  ]
}
