import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { PROGRAM, program } from './processes.ts'

const execute = promisify(execFile)

/** Runs the bin file in a process that claims to be another Node. */
function underNode(version: string): Promise<unknown> {
  const script = `Object.defineProperty(process.versions, 'node', { value: '${version}' }); require('${PROGRAM}')`
  return execute(process.execPath, ['-e', script]).catch((error: unknown) => error)
}

test.each(['0.10.48', '16.20.2', '20.19.0', '22.11.0'])(
  'Node %s is told in one line what is needed, before anything else is loaded',
  async (version) => {
    const failed = await underNode(version)
    expect(failed).toMatchObject({ code: 8, stdout: '' })
    expect(failed).toHaveProperty(
      'stderr',
      `sotto needs Node.js 22.12 or newer, this is ${version}  [NODE_TOO_OLD, exit 8]\n`,
    )
  },
)

test('the file that checks is read by every Node: no syntax younger than that of 2009', async () => {
  const text = await readFile(PROGRAM, 'utf8')
  expect(text).not.toMatch(/=>|`|\b(?:let|const|import|class|async)\b|\?\.|,\s*\)/)
})

test('it starts the program', async () => {
  const ran = await program(['--version'])
  expect(ran).toMatchObject({ exit: 0, stdout: expect.stringMatching(/^sotto \d/), stderr: '' })
})
