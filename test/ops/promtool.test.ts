// The files for Prometheus, as its own tool reads them.
import { execFile } from 'node:child_process'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { ALERTS } from '../../tools/ops/alerts.ts'

const run = promisify(execFile)
const folder = new URL('../../ops/prometheus', import.meta.url).pathname
const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

async function promtool(cwd: string, ...argv: readonly string[]): Promise<string> {
  const { stdout, stderr } = await run('promtool', argv, { cwd })
  return stdout + stderr
}

test('rules and configuration are what Prometheus takes', async () => {
  expect(await promtool(folder, 'check', 'rules', 'rules.yml')).toContain(
    `${ALERTS.length} rules found`,
  )
  expect(await promtool(folder, 'check', 'config', 'prometheus.yml')).toContain('is valid')
})

test('each alert fires on a bad value and is silent on a good one', async () => {
  expect(await promtool(folder, 'test', 'rules', 'rules.test.yml')).toContain('SUCCESS')
})

/** What the rules' tests say about rules that are not ours. */
async function spoiled(change: (rules: string) => string): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'sotto-rules-'))
  endings.push(() => rm(copy, { recursive: true, force: true }))
  await cp(folder, copy, { recursive: true })
  const rules = await readFile(join(copy, 'rules.yml'), 'utf8')
  expect(change(rules)).not.toBe(rules)
  await writeFile(join(copy, 'rules.yml'), change(rules))
  const failed: unknown = await promtool(copy, 'test', 'rules', 'rules.test.yml').catch(
    (cause: unknown) => cause,
  )
  return String((failed as { readonly stdout?: string }).stdout ?? failed) + String(failed)
}

test('an alert that never fires, and one that always does, are noticed', async () => {
  const deaf = await spoiled((rules) => rules.replace('balance != 0', 'balance > 1000'))
  expect(deaf).toContain('SottoMailboxUnbalanced')
  expect(deaf).toMatch(/FAILED|failed/)
  const shrill = await spoiled((rules) => rules.replace('lag_seconds > 0.25', 'lag_seconds > 0'))
  expect(shrill).toContain('SottoMailboxLate')
})
