/**
 * When an operator should look. Each alert has a series on which it fires and one on which it does not, for `promtool test rules`.
 * Series are in the notation of Prometheus: `1x10` is 1 and ten more of the same, `0+3x10` rises by 3 each step. A step is a minute.
 */
export interface Alert {
  readonly name: string
  readonly expr: string
  /** How long it has to be so. */
  readonly for: string
  readonly severity: 'page' | 'ticket'
  readonly summary: string
  /** What to do. */
  readonly action: string
  readonly bad: Series
  readonly good: Series
  /** Minutes after which it fires. */
  readonly after: number
}

/** Values by the name of the series, with its labels. */
export type Series = Readonly<Record<string, string>>

/** The promise of a mailbox, and a day: mail that is older should have been let go of. */
const LONGEST = 22 * 86_400

const UP = { 'up{job="sotto-mailbox"}': '1x40' }

export const ALERTS: readonly Alert[] = [
  {
    name: 'SottoMailboxDown',
    expr: 'up{job="sotto-mailbox"} == 0',
    for: '5m',
    severity: 'page',
    summary: 'the mailbox does not answer',
    action: 'Look whether it runs, and at the last lines of its log.',
    bad: { 'up{job="sotto-mailbox"}': '0x40' },
    good: UP,
    after: 10,
  },
  {
    name: 'SottoMailboxNotReady',
    expr: 'sotto_mailbox_ready == 0',
    for: '5m',
    severity: 'page',
    summary: 'the mailbox takes no mail',
    action: 'GET /readyz says which check fails.',
    bad: { sotto_mailbox_ready: '0x40' },
    good: { sotto_mailbox_ready: '1x20 0 1x20' },
    after: 10,
  },
  {
    name: 'SottoMailboxUnbalanced',
    expr: 'sotto_mailbox_balance != 0',
    for: '1m',
    severity: 'page',
    summary: 'mail is missing, or has come back: {{ $value }} envelopes',
    action: 'Stop the mailbox, keep a copy of its folder, and check the disk.',
    bad: { sotto_mailbox_balance: '0x5 2x30' },
    good: { sotto_mailbox_balance: '0x40' },
    after: 20,
  },
  {
    name: 'SottoMailboxDamaged',
    expr: 'sotto_mailbox_damaged_records > 0',
    for: '0m',
    severity: 'ticket',
    summary: '{{ $value }} records do not open any more',
    action: 'Check the disk. What was in them is lost; their senders still have the messages.',
    bad: { sotto_mailbox_damaged_records: '0x5 1x30' },
    good: { sotto_mailbox_damaged_records: '0x40' },
    after: 20,
  },
  {
    name: 'SottoMailboxStoreFails',
    expr: 'increase(sotto_mailbox_store_failures_total[10m]) > 0',
    for: '0m',
    severity: 'page',
    summary: 'writes fail',
    action: 'Look at free space and at the log of the kernel.',
    bad: { sotto_mailbox_store_failures_total: '0x10 1x30' },
    good: { sotto_mailbox_store_failures_total: '7x40' },
    after: 15,
  },
  {
    name: 'SottoMailboxDiskBudget',
    expr: 'sotto_mailbox_stored_bytes / sotto_mailbox_disk_budget_bytes > 0.8',
    for: '10m',
    severity: 'ticket',
    summary: 'four fifths of the budget for mail are used; at nine tenths no more is taken',
    action: 'Raise the budget, lower quotas, or look who does not fetch.',
    bad: {
      'sotto_mailbox_stored_bytes{kind="mail"}': '850x40',
      'sotto_mailbox_disk_budget_bytes{kind="mail"}': '1000x40',
    },
    good: {
      'sotto_mailbox_stored_bytes{kind="mail"}': '700x40',
      'sotto_mailbox_disk_budget_bytes{kind="mail"}': '1000x40',
    },
    after: 20,
  },
  {
    name: 'SottoMailboxDiskFree',
    expr: 'sotto_mailbox_disk_free_bytes < 1e9',
    for: '10m',
    severity: 'page',
    summary: 'less than 1 GB is free',
    action: 'Free some. Below 64 MiB the mailbox is not ready.',
    bad: { 'sotto_mailbox_disk_free_bytes{kind="folder"}': '5e8x40' },
    good: { 'sotto_mailbox_disk_free_bytes{kind="folder"}': '5e9x40' },
    after: 20,
  },
  {
    name: 'SottoMailboxSlow',
    expr: quantile(0.99, 'sotto_mailbox_deposit_seconds', '1'),
    for: '10m',
    severity: 'ticket',
    summary: 'one deposit in a hundred takes longer than a second',
    action: 'Compare with sotto_mailbox_fsync_seconds: is it the disk?',
    bad: latencies('sotto_mailbox_deposit_seconds', 50),
    good: latencies('sotto_mailbox_deposit_seconds', 100),
    after: 25,
  },
  {
    name: 'SottoMailboxRefuses',
    expr:
      'sum without (result) (increase(sotto_mailbox_deposits_total{result!="accepted"}[15m]))' +
      ' / sum without (result) (increase(sotto_mailbox_deposits_total[15m])) > 0.05' +
      ' and sum without (result) (increase(sotto_mailbox_deposits_total[15m])) > 100',
    for: '10m',
    severity: 'ticket',
    summary: 'more than one deposit in twenty is refused',
    action: 'The row "Abuse" of the dashboard says why: full boxes, or somebody who tries.',
    bad: {
      'sotto_mailbox_deposits_total{result="accepted"}': '0+90x40',
      'sotto_mailbox_deposits_total{result="quota"}': '0+10x40',
    },
    good: {
      'sotto_mailbox_deposits_total{result="accepted"}': '0+99x40',
      'sotto_mailbox_deposits_total{result="quota"}': '0+1x40',
    },
    after: 35,
  },
  {
    name: 'SottoMailboxOldMail',
    expr: `sotto_mailbox_oldest_message_seconds > ${LONGEST}`,
    for: '30m',
    severity: 'ticket',
    summary: 'mail is kept for longer than was promised',
    action: 'Expired mail is let go of every ten minutes: look at the log.',
    bad: { sotto_mailbox_oldest_message_seconds: `${LONGEST + 1}x40` },
    good: { sotto_mailbox_oldest_message_seconds: `${LONGEST - 1}x40` },
    after: 35,
  },
  {
    name: 'SottoMailboxLate',
    expr: 'sotto_event_loop_lag_seconds > 0.25',
    for: '10m',
    severity: 'ticket',
    summary: 'the event loop is late by more than 250 ms',
    action: 'The processor is too slow or too busy for this mailbox.',
    bad: { sotto_event_loop_lag_seconds: '0.3x40' },
    good: { sotto_event_loop_lag_seconds: '0.2x40' },
    after: 20,
  },
  {
    name: 'SottoMailboxClockSet',
    expr: 'abs(sotto_clock_step_seconds) > 2',
    for: '5m',
    severity: 'ticket',
    summary: 'the clock of the computer was set by {{ $value }} s while the mailbox ran',
    action: 'Let NTP steer it. Mail is kept by a time of its own, the dates in receipts are not.',
    bad: { sotto_clock_step_seconds: '-5x40' },
    good: { sotto_clock_step_seconds: '0.5x40' },
    after: 10,
  },
]

function quantile(q: number, name: string, limit: string): string {
  return `histogram_quantile(${q}, sum without (instance) (rate(${name}_bucket[5m]))) > ${limit}`
}

/** A hundred a minute, so many of them within a second, the others within five. */
function latencies(name: string, fast: number): Series {
  return {
    [`${name}_bucket{le="1"}`]: `0+${fast}x40`,
    [`${name}_bucket{le="5"}`]: '0+100x40',
    [`${name}_bucket{le="+Inf"}`]: '0+100x40',
  }
}
