/**
 * Prints how many tests of `test/protocol` ran in Node and how many in the browser, and fails the
 * run when the two differ: `protocol/` must be the same thing in both.
 */
import type { Reporter, TestModule, TestRunEndReason } from 'vitest/node'

const FOLDER = /[\\/]test[\\/]protocol[\\/]/

export class ProtocolCounts implements Reporter {
  onTestRunEnd(
    modules: readonly TestModule[],
    _errors: readonly unknown[],
    reason: TestRunEndReason,
  ): void {
    const ran = modules.filter((module) => FOLDER.test(module.moduleId))
    const node = ran.filter((module) => module.project.name === 'node')
    const browser = ran.filter((module) => module.project.name.startsWith('browser'))
    if (node.length === 0 && browser.length === 0) return

    const inBrowser = browser.length === 0 ? 'not run' : count(browser).toString()
    process.stdout.write(`test/protocol: ${count(node)} in Node, ${inBrowser} in Chromium\n`)
    const bothRan = node.length > 0 && browser.length > 0
    if (bothRan && reason === 'passed' && count(node) !== count(browser)) {
      process.stderr.write('test/protocol: the counts differ\n')
      process.exitCode = 1
    }
  }
}

function count(modules: readonly TestModule[]): number {
  const passed = modules.flatMap((module) => [...module.children.allTests('passed')])
  return passed.length
}
