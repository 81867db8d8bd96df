/** What `npm run ops` writes, by path. */
import { dashboard } from './dashboard.ts'
import { rulesFile, rulesTestFile } from './rules.ts'

export function opsFiles(): Readonly<Record<string, string>> {
  return {
    'ops/prometheus/rules.yml': rulesFile(),
    'ops/prometheus/rules.test.yml': rulesTestFile(),
    'ops/grafana/dashboards/mailbox.json': `${JSON.stringify(dashboard(), null, 2)}\n`,
  }
}
