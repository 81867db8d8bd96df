// The judge as a process: reads a case (JSON) from stdin, prints the verdict (JSON), exits with 13 when it is bad.

import { text } from 'node:stream/consumers'
import { judge, type Case } from './judge.ts'
import { exactlyOnce } from './verdict.ts'

const EXIT_CHECK_FAILED = 13

const subject: unknown = JSON.parse(await text(process.stdin))
if (!isCase(subject)) throw new Error('this is no case for the judge')
const verdict = await judge(subject)
process.stdout.write(`${JSON.stringify(verdict)}\n`)
process.exitCode = exactlyOnce(verdict) ? 0 : EXIT_CHECK_FAILED

/** The case comes from our own program; this is against a wrong file, not against an attacker. */
function isCase(value: unknown): value is Case {
  return (
    typeof value === 'object' &&
    value !== null &&
    'dirs' in value &&
    Array.isArray(value.dirs) &&
    'accepted' in value &&
    Array.isArray(value.accepted)
  )
}
