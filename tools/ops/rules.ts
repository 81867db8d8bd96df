/** The alerts as files for Prometheus: rules, and the tests of the rules. */
import { ALERTS } from './alerts.ts'
import { yaml } from './yaml.ts'
import type { Alert, Series } from './alerts.ts'
import type { Yaml } from './yaml.ts'

const HEADER = '# Made from tools/ops/alerts.ts by `npm run ops`.\n'

export function rulesFile(): string {
  const rules = ALERTS.map(({ name, expr, severity, summary, action, ...alert }): Yaml => ({
    ...{ alert: name, expr, for: alert.for },
    labels: { severity },
    annotations: { summary, action },
  }))
  return `${HEADER}${yaml({ groups: [{ name: 'sotto-mailbox', rules }] })}\n`
}

export function rulesTestFile(): string {
  const tests = ALERTS.flatMap((alert) => [
    testOf(alert, alert.bad, true),
    testOf(alert, alert.good, false),
  ])
  const file = { rule_files: ['rules.yml'], evaluation_interval: '1m', tests }
  return `${HEADER}${yaml(file)}\n`
}

function testOf(alert: Alert, series: Series, fires: boolean): Yaml {
  const input = Object.entries(series).map(([name, values]): Yaml => ({ series: name, values }))
  const test: Yaml = {
    name: `${alert.name} ${fires ? 'fires' : 'is silent'}`,
    interval: '1m',
    input_series: input,
  }
  // How it reads is not what is tested: whether it is there is, by the series of all alerts.
  const samples = fires ? [{ labels: labelsOf(alert), value: 1 }] : []
  const expr = `count by (alertname, alertstate, severity) (ALERTS{alertname="${alert.name}"})`
  return {
    ...test,
    promql_expr_test: [
      { expr, eval_time: `${alert.after}m`, ...(fires ? { exp_samples: samples } : {}) },
    ],
  }
}

function labelsOf({ name, severity }: Alert): string {
  return `{alertname="${name}", alertstate="firing", severity="${severity}"}`
}
