/**
 * Two nodes that chat both ways and their mailbox, measured while others come and go.
 *
 *   npm run campaign -- soak [--for 60m] [--sample 10s] [--churn 30s] [--pace 1] [--seed S]
 *
 * Memory, descriptors, threads and what keeps the processes busy must be in the end what they were after the warm-up, every text that
 * was accepted must have been shown once, and nothing may wait. The seed decides who comes and goes when. Linux only: the figures come
 * from /proc.
 */
import { parseArgs } from 'node:util'
import { formatDuration, parseDuration } from '../cli/duration.ts'
import { Dice } from '../test/campaign/dice.ts'
import { LEAST_VALUES } from '../test/support/flatness.ts'
import { flatnessOf, perMessage } from '../test/support/soak-bounds.ts'
import { soak, type SoakReport } from '../test/support/soak.ts'
import { write } from './kill-episodes.ts'
import type { Flatness } from '../test/support/flatness.ts'
import type { Sample } from '../test/support/soaked-process.ts'

const MIB = 2 ** 20

process.exitCode = await campaign()

/** The exit code: 1 where something has grown, was lost, doubled or wrong. */
async function campaign(): Promise<number> {
  const { ms, sampleMs, churnMs, pace, seed } = options()
  const ended = new AbortController()
  const end = (): void => ended.abort()
  process.once('SIGINT', end).once('SIGTERM', end)
  const report = await soak({
    ...{ ms, sampleMs, churnMs, pace, signal: ended.signal },
    below: (name) => {
      const dice = new Dice(`${seed} ${name}`)
      return (limit) => dice.below(limit)
    },
    onSample: (name, sample) => write(`${new Date().toISOString()} ${name} ${line(sample)}`),
  })
  const isFlat = [...report.samples].map(([name, samples]) => tellProcess(name, samples))
  tellChat(report)
  const { lost, doubled, foreign, queued, faults } = report
  const isRight = lost + doubled + foreign + queued + faults.length === 0
  return isRight && isFlat.every(Boolean) ? 0 : 1
}

function line(sample: Sample): string {
  const { late, queued, counts } = sample
  return `${[
    `heap ${mib(sample.heap)}`,
    `code ${mib(sample.code)}`,
    `external ${mib(sample.external)}`,
    `resident ${mib(sample.resident)}`,
    `native ${mib(sample.native)}`,
    `anonymous ${mib(sample.anonymous)}`,
  ].join(', ')} MiB, ${sample.descriptors} descriptors, ${sample.threads} threads, ${
    sample.resources
  } resources, late ${late.toFixed(0)} ms, ${queued} queued, ${counts.sent} sent, ${counts.received} received`
}

/** Whether it is flat. */
function tellProcess(name: string, samples: readonly Sample[]): boolean {
  write('')
  if (samples.length < LEAST_VALUES) {
    write(`${name}: ${samples.length} measurements say nothing, ${LEAST_VALUES} would`)
    return false
  }
  const { messages, bytes } = perMessage(samples)
  const all = flatnessOf(samples)
  write(`${name}, ${samples.length} measurements`)
  write(row('', 'early', 'late', 'growth', 'bound', 'most'))
  for (const one of all) write(tellFlatness(one))
  write(`  ${messages} messages between early and late, ${bytes.toFixed(1)} bytes of heap for each`)
  write(
    `  event loop late by ${Math.max(...samples.map(({ late }) => late)).toFixed(0)} ms at most`,
  )
  return all.every((one) => one.isFlat)
}

function tellFlatness({ name, early, late, bound, most, isFlat }: Flatness): string {
  const shown = (value: number): string => (bound > 1000 ? mib(value) : String(value))
  const values = [early, late, late - early, bound, most].map(shown)
  const unit = bound > 1000 ? ', MiB' : ''
  return `${row(`${name}${unit}`, ...values)}${isFlat ? '' : '   GROWS'}`
}

function tellChat({ ms, accepted, lost, doubled, foreign, queued, churn, ...rest }: SoakReport) {
  const last = [...rest.samples.values()].flatMap((samples) => samples.at(-1) ?? [])
  const by = (way: 'direct' | 'mailbox'): number =>
    last.slice(0, 2).reduce((sum, { counts }) => sum + counts[way], 0)
  write('')
  write(`${formatDuration(ms)}: ${accepted} messages accepted, ${lost} lost, ${doubled} doubled`)
  write(`${foreign} shown that nobody sent, ${queued} waiting, ${rest.faults.length} faults`)
  write(`ada and bob: ${by('direct')} delivered directly, ${by('mailbox')} by mailbox`)
  write(
    `${churn.restarts} restarts and ${churn.freezes} freezes of friends, ` +
      `${churn.mailboxRestarts} restarts of a mailbox, ${churn.strangers} new contacts`,
  )
  for (const fault of rest.faults) write(`  ${fault}`)
}

function row(name: string, ...values: readonly string[]): string {
  return `  ${name.padEnd(16)}${values.map((value) => value.padStart(9)).join('')}`
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(2)
}

function options() {
  const { values } = parseArgs({
    allowPositionals: true,
    options: {
      for: { type: 'string', default: '60m' },
      sample: { type: 'string', default: '10s' },
      churn: { type: 'string', default: '30s' },
      pace: { type: 'string', default: '1' },
      seed: { type: 'string', default: 'sotto' },
    },
  })
  const [ms, sampleMs, churnMs] = [values.for, values.sample, values.churn].map(
    (text) => parseDuration(text) ?? 0,
  )
  const pace = Number(values.pace)
  if (!ms || !sampleMs || !churnMs || !(pace > 0)) {
    process.stderr.write(
      'npm run campaign -- soak [--for 60m] [--sample 10s] [--churn 30s] [--pace 1] [--seed S]\n',
    )
    process.exit(2)
  }
  return { ms, sampleMs, churnMs, pace, seed: values.seed }
}
