import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { expect, test } from 'vitest'
import { EXIT } from '../cli/exit-codes.ts'
import { sotto } from './cli/support.ts'
import { decide, type Outcome, REFUSED } from '../node/outcome.ts'

const root = new URL('../', import.meta.url).pathname
const documents = globSync(['*.md', 'docs/*.md', 'bench/*.md', 'examples/*.md'], { cwd: root })

test.for(documents)('%s links to files that exist', (document) => {
  const text = readFileSync(join(root, document), 'utf8')
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)[^)]*\)/g)].map(
    (match) => match[1] ?? '',
  )
  expect(links.filter((link) => !existsSync(join(root, dirname(document), link)))).toEqual([])
})

test('the program in the README is the example that the tests run', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const example = readFileSync(join(root, 'examples/two-nodes.ts'), 'utf8')
  const [, program] = /```ts\n(.*?)```/s.exec(readme) ?? []
  const body = example.slice(example.search(/^import/m))
  expect(program).toBe(body.replace('../node/index.ts', 'sotto'))
})

test('the table of exit codes in docs/commands.md is the one in the code', () => {
  const text = readFileSync(join(root, 'docs/commands.md'), 'utf8')
  const rows = [...text.matchAll(/^\| (\d+) +\| (\w+) +\|/gm)].map(([, code, name]) => [name, code])
  expect(rows).toEqual(Object.entries(EXIT).map(([name, code]) => [name, String(code)]))
})

test('the table of outcomes in docs/architecture.md is the one in the code', () => {
  const text = readFileSync(join(root, 'docs/architecture.md'), 'utf8')
  const rows = [...text.matchAll(/^\| `([a-z-]+)` +\|(.*)\|$/gm)]
    .map(([, outcome = '', rest = '']) => [outcome, ...rest.split('|').map((cell) => cell.trim())])
    .filter((cells) => cells.length === 6)
  expect(rows).toHaveLength(OUTCOMES.length)
  for (const [outcome, , , direct, mailbox] of rows) {
    const { direct: refusal, mailboxMayDelete } = decide(outcome as Outcome)
    expect([outcome, direct, mailbox]).toEqual([
      outcome,
      refusal === undefined ? 'acknowledged' : REFUSAL_WORDS[refusal],
      mailboxMayDelete ? 'delete' : 'keep',
    ])
  }
})

const OUTCOMES: readonly Outcome[] = [
  'opened',
  'duplicate',
  'too-far-ahead',
  'not-authentic',
  'no-session',
  'unknown-prekey',
  'blocked',
  'oversized',
  'store-full',
]

const REFUSAL_WORDS = {
  [REFUSED.cannotOpen]: 'cannot open',
  [REFUSED.notAllowed]: 'not allowed',
  [REFUSED.tryLater]: 'try later',
} as const

/** Command lines of a page: what follows `sotto` in its blocks of shell. */
function commandsIn(document: string): readonly (readonly string[])[] {
  const text = readFileSync(join(root, document), 'utf8')
  const blocks = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, block = '']) => block)
  return blocks.flatMap((block) =>
    [...block.matchAll(/^(?:npx )?sotto ([^#\n]*)/gm)].map(([, line = '']) =>
      line.trim().split(/\s+/),
    ),
  )
}

test.for(['README.md', 'docs/operators.md'])(
  'the commands in %s exist, with their flags',
  async (page) => {
    const commands = commandsIn(page)
    expect(commands.length).toBeGreaterThan(10)
    for (const words of commands) {
      const { exit, stdout: help } = await sotto([...words, '--help'])
      const flags = words.filter((word) => word.startsWith('--') && word !== '--home')
      const missing = flags.filter((flag) => !help.includes(flag))
      expect([words.join(' '), exit, missing]).toEqual([words.join(' '), 0, []])
    }
  },
)
