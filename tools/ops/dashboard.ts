/** The Grafana dashboard of a mailbox, as its JSON. */

interface Query {
  readonly expr: string
  readonly legend?: string
}

interface Panel {
  readonly title: string
  readonly kind: 'stat' | 'timeseries' | 'heatmap'
  readonly unit: string
  readonly queries: readonly Query[]
  readonly help: string
}

interface Row {
  readonly title: string
  readonly panels: readonly Panel[]
}

const SELECT = '{instance=~"$instance"}'
const DATASOURCE = { type: 'prometheus', uid: 'prometheus' } as const

const now = (name: string, legend = ''): Query => ({ expr: `${name}${SELECT}`, legend })

const rate = (name: string, legend = '', by = ''): Query => {
  const each = `rate(${name}${SELECT}[$__rate_interval])`
  return { expr: by === '' ? `sum(${each})` : `sum by (${by}) (${each})`, legend }
}

const quantiles = (name: string, by = ''): readonly Query[] =>
  [0.5, 0.95, 0.99].map((q) => ({
    expr: `histogram_quantile(${q}, sum by (le${by === '' ? '' : `, ${by}`}) (rate(${name}_bucket${SELECT}[$__rate_interval])))`,
    legend: `p${q * 100}${by === '' ? '' : ` {{${by}}}`}`,
  }))

const stat = (title: string, unit: string, help: string, ...queries: readonly Query[]): Panel => {
  return { title, kind: 'stat', unit, help, queries }
}

const graph = (title: string, unit: string, help: string, ...queries: readonly Query[]): Panel => {
  return { title, kind: 'timeseries', unit, help, queries }
}

export const ROWS: readonly Row[] = [
  {
    title: 'Is it fine',
    panels: [
      stat('Ready', 'short', '1 when mail can be taken.', now('sotto_mailbox_ready')),
      stat('Balance', 'short', 'Must be 0: otherwise mail is lost.', now('sotto_mailbox_balance')),
      stat('Damaged', 'short', 'Records that do not open.', now('sotto_mailbox_damaged_records')),
      stat(
        'Members',
        'short',
        'Who may be deposited for.',
        now('sotto_mailbox_members', '{{status}}'),
      ),
      stat('Version', 'short', 'What runs.', now('sotto_build_info', '{{version}}, Node {{node}}')),
      graph('Checks', 'short', '1 when they succeed.', now('sotto_mailbox_check', '{{check}}')),
      graph(
        'Storage',
        'bytes',
        'Mail, what it may have, and what the disk has.',
        now('sotto_mailbox_stored_bytes', 'stored {{kind}}'),
        now('sotto_mailbox_disk_budget_bytes', 'budget {{kind}}'),
        now('sotto_mailbox_disk_free_bytes', 'free {{kind}}'),
      ),
    ],
  },
  {
    title: 'Flow',
    panels: [
      graph(
        'Deposits',
        'ops',
        'By result.',
        rate('sotto_mailbox_deposits_total', '{{result}}', 'result'),
      ),
      graph(
        'Owners',
        'ops',
        'Envelopes that are handed out, that owners have, and that are deleted.',
        rate('sotto_mailbox_fetched_total', 'fetched'),
        rate('sotto_mailbox_acked_total', 'acknowledged'),
        rate('sotto_mailbox_deleted_total', 'deleted'),
        rate('sotto_mailbox_expired_total', '{{reason}}', 'reason'),
      ),
      graph(
        'Bytes',
        'Bps',
        'Envelopes, without what the network adds.',
        rate('sotto_mailbox_deposit_bytes_total', 'deposited'),
        rate('sotto_mailbox_fetch_bytes_total', 'fetched'),
      ),
      graph(
        'Waiting',
        'short',
        'Envelopes, and boxes that have some.',
        now('sotto_mailbox_messages', 'envelopes'),
        now('sotto_mailbox_boxes', 'boxes'),
      ),
      graph('Oldest mail', 's', 'Its age.', now('sotto_mailbox_oldest_message_seconds')),
      {
        ...{
          title: 'Residence',
          kind: 'heatmap',
          unit: 's',
          help: 'From deposit to acknowledgement.',
        },
        queries: [
          {
            expr: `sum by (le) (increase(sotto_mailbox_residence_seconds_bucket${SELECT}[$__interval]))`,
            legend: '{{le}}',
          },
        ],
      },
    ],
  },
  {
    title: 'Latency',
    panels: [
      graph(
        'Deposit',
        's',
        'From a request to its receipt.',
        ...quantiles('sotto_mailbox_deposit_seconds'),
      ),
      graph(
        'Sync',
        's',
        'What the disk takes for a batch.',
        ...quantiles('sotto_mailbox_fsync_seconds'),
      ),
      graph(
        'Store',
        's',
        'Calls of the store.',
        ...quantiles('sotto_mailbox_store_op_seconds', 'op'),
      ),
    ],
  },
  {
    title: 'Network',
    panels: [
      graph(
        'Connections',
        'short',
        'Open ones.',
        now('sotto_connections', '{{transport}} {{direction}}'),
      ),
      graph(
        'Opened',
        'ops',
        'New ones.',
        rate('sotto_connections_opened_total', '{{transport}}', 'transport'),
        rate('sotto_dial_failures_total', 'not dialled: {{reason}}', 'reason'),
      ),
    ],
  },
  {
    title: 'Abuse',
    panels: [
      graph(
        'Limits',
        'ops',
        'Requests beyond a limit.',
        rate('sotto_rate_limited_total', '{{bucket}}', 'bucket'),
      ),
      graph(
        'Joining',
        'ops',
        'Who came by an invitation.',
        rate('sotto_mailbox_invites_total', '{{event}}', 'event'),
      ),
    ],
  },
  {
    title: 'Process',
    panels: [
      graph('Processor', 'percentunit', 'Of one core.', rate('process_cpu_seconds_total')),
      graph(
        'Memory',
        'bytes',
        'Of the process and its heap.',
        now('process_resident_memory_bytes', 'resident'),
        now('nodejs_heap_size_used_bytes', 'heap'),
      ),
      graph(
        'Event loop',
        's',
        'The largest lag of 15 seconds.',
        now('sotto_event_loop_lag_seconds'),
      ),
      graph(
        'Garbage collection',
        'percentunit',
        'Share of the time.',
        rate('nodejs_gc_duration_seconds_sum'),
      ),
      graph('Open files', 'short', 'And sockets.', now('process_open_fds')),
      graph('Clock', 's', 'By how much it was set.', now('sotto_clock_step_seconds')),
      graph('Failed writes', 'ops', 'Of the store.', rate('sotto_mailbox_store_failures_total')),
    ],
  },
]

const WIDTH = 24
const SIZES = { stat: { w: 4, h: 4 }, timeseries: { w: 8, h: 8 }, heatmap: { w: 8, h: 8 } } as const

export function dashboard(): object {
  return {
    uid: 'sotto-mailbox',
    title: 'Sotto mailbox',
    tags: ['sotto'],
    schemaVersion: 39,
    editable: false,
    refresh: '30s',
    time: { from: 'now-6h', to: 'now' },
    templating: {
      list: [
        {
          ...{ name: 'instance', type: 'query', datasource: DATASOURCE, refresh: 2 },
          query: 'label_values(sotto_build_info, instance)',
          ...{ includeAll: true, multi: true, current: { text: 'All', value: '$__all' } },
        },
      ],
    },
    annotations: {
      list: [
        {
          ...{ name: 'Another version', datasource: DATASOURCE, enable: true },
          expr: `changes(sotto_build_info${SELECT}[2m]) > 0 or (sotto_build_info${SELECT} unless sotto_build_info${SELECT} offset 2m)`,
          ...{ titleFormat: '{{version}}', iconColor: 'blue' },
        },
      ],
    },
    panels: placed(),
  }
}

/** Rows below each other, panels in lines as they fit. */
function placed(): readonly object[] {
  const all: object[] = []
  let [y, id] = [0, 1]
  for (const { title, panels } of ROWS) {
    all.push({
      id: id++,
      type: 'row',
      title,
      collapsed: false,
      panels: [],
      gridPos: { x: 0, y, w: WIDTH, h: 1 },
    })
    y++
    let [x, height] = [0, 0]
    for (const panel of panels) {
      const { w, h } = SIZES[panel.kind]
      if (x + w > WIDTH) [x, y, height] = [0, y + height, 0]
      all.push(panelOf(panel, id++, { x, y, w, h }))
      x += w
      height = Math.max(height, h)
    }
    y += height
  }
  return all
}

function panelOf({ title, kind, unit, help, queries }: Panel, id: number, gridPos: object): object {
  const targets = queries.map(({ expr, legend = '' }, at) => ({
    ...{ refId: String.fromCharCode(65 + at), datasource: DATASOURCE, expr },
    ...(legend === '' ? {} : { legendFormat: legend }),
    ...(kind === 'heatmap' ? { format: 'heatmap' } : {}),
  }))
  const base = {
    id,
    type: kind,
    title,
    description: help,
    datasource: DATASOURCE,
    gridPos,
    targets,
  }
  const fieldConfig = { defaults: { unit }, overrides: [] }
  return kind === 'heatmap'
    ? { ...base, options: { calculate: false, yAxis: { unit } } }
    : { ...base, fieldConfig }
}
