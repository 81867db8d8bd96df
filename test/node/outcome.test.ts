import { readFile } from 'node:fs/promises'
import { expect, test } from 'vitest'
import { decide, REFUSED, type Outcome } from '../../node/outcome.ts'

const DIRECT: ReadonlyMap<string, number | undefined> = new Map([
  ['acknowledged', undefined],
  ['cannot open', REFUSED.cannotOpen],
  ['not allowed', REFUSED.notAllowed],
  ['try later', REFUSED.tryLater],
])

/** Rows of the table "What becomes of an envelope": outcome, direct, mailbox. */
async function rows(): Promise<readonly (readonly [string, string, string])[]> {
  const text = await readFile(new URL('../../docs/architecture.md', import.meta.url), 'utf8')
  const [, section = ''] = text.split('## What becomes of an envelope')
  const cells = section.split('\n').flatMap((line) => {
    const [, outcome, , , direct, mailbox] = line.split('|').map((cell) => cell.trim())
    const name = /^`([a-z-]+)`$/.exec(outcome ?? '')?.[1]
    return name === undefined ? [] : [[name, direct ?? '', mailbox ?? ''] as const]
  })
  return cells
}

test('every outcome is decided as the page says', async () => {
  const table = await rows()
  expect(table.map(([outcome]) => outcome)).toEqual([
    'opened',
    'duplicate',
    'too-far-ahead',
    'not-authentic',
    'no-session',
    'unknown-prekey',
    'blocked',
    'oversized',
    'store-full',
  ])
  for (const [outcome, direct, mailbox] of table) {
    expect(DIRECT.has(direct), direct).toBe(true)
    expect(decide(outcome as Outcome)).toEqual({
      direct: DIRECT.get(direct),
      mailboxMayDelete: mailbox === 'delete',
    })
  }
})
