// What campaigns of kills have in common: their options, and episodes of fifty kills with a seed each.

import { parseArgs } from 'node:util'
import { parseDuration } from '../cli/duration.ts'
import { Dice } from '../test/campaign/dice.ts'

/** Kills before everything begins anew. */
const EPISODE = 50

/** What is killed, and how it went. */
export interface KillCampaign<Report extends { readonly faults: readonly string[] }> {
  /** As it is called by `npm run campaign`. */
  readonly name: string
  /** Unless the command line says otherwise. */
  readonly kills: number
  readonly run: (kills: number, below: (limit: number) => number) => Promise<Report>
  readonly told: (report: Report) => string
}

/** Runs the episodes that the command line asks for, telling of each. Ends the process for options that make no sense. */
export async function killEpisodes<Report extends { readonly faults: readonly string[] }>(
  campaign: KillCampaign<Report>,
): Promise<{ readonly kills: number; readonly reports: readonly Report[] }> {
  const { kills, from, limit, seed } = options(campaign)
  let stopped = false
  process.once('SIGINT', () => (stopped = true)).once('SIGTERM', () => (stopped = true))
  const began = performance.now()
  const reports: Report[] = []
  let next = from
  while (next < kills && !stopped && performance.now() - began < limit) {
    const count = Math.min(EPISODE, kills - next)
    const dice = new Dice(`${seed} ${next}`)
    const report = await campaign.run(count, (below) => dice.below(below))
    next += count
    reports.push(report)
    write(`${next} of ${kills} kills, seed ${seed}: ${campaign.told(report)}`)
    for (const fault of report.faults) write(`  ${fault}`)
  }
  if (next < kills) write(`go on with --seed '${seed}' --from ${next}`)
  return { kills: next - from, reports }
}

export function write(line: string): void {
  process.stdout.write(`${line}\n`)
}

function options({ name, kills: usual }: { readonly name: string; readonly kills: number }) {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      kills: { type: 'string', default: String(usual) },
      from: { type: 'string', default: '0' },
      for: { type: 'string' },
      seed: { type: 'string', default: 'sotto' },
    },
  })
  const [kills, from] = [Number(values.kills), Number(values.from)]
  const limit = values.for === undefined ? Infinity : (parseDuration(values.for) ?? 0)
  if (!Number.isSafeInteger(kills) || !Number.isSafeInteger(from) || from < 0 || limit === 0) {
    const flags = `[--kills ${usual}] [--from 0] [--for 60m] [--seed S]`
    process.stderr.write(`npm run campaign -- ${name} ${flags}\n`)
    process.exit(2)
  }
  return { kills, from, limit, seed: values.seed }
}
