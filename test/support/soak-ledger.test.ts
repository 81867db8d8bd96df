import { expect, test } from 'vitest'
import { prefixOf, SoakLedger } from './soak-ledger.ts'

const [FIRST, SECOND] = [`${prefixOf('ada', 'bob', 1)}1`, `${prefixOf('ada', 'bob', 1)}2`]

function ledger(): SoakLedger {
  const made = new SoakLedger()
  made.accept(FIRST)
  made.accept(SECOND)
  return made
}

test('what stands in a history once is right', () => {
  const count = ledger().count(new Map([['bob', [SECOND, FIRST]]]))
  expect(count).toEqual({ accepted: 2, lost: 0, doubled: 0, foreign: 0 })
})

test('what is missing, twice there, or of nobody is found', () => {
  const histories = new Map([['bob', [SECOND, SECOND, `${prefixOf('ada', 'bob', 2)}9`]]])
  expect(ledger().count(histories)).toEqual({ accepted: 2, lost: 1, doubled: 1, foreign: 1 })
})

test('a text in the history of somebody else is lost, and foreign there', () => {
  const histories = new Map([
    ['bob', [FIRST]],
    ['cleo', [SECOND]],
  ])
  expect(ledger().count(histories)).toMatchObject({ lost: 1, foreign: 1 })
})

test('of whoever tells no history, what was announced counts', () => {
  const made = ledger()
  made.show(FIRST)
  expect(made.count(new Map())).toMatchObject({ lost: 1, doubled: 0 })
  made.show(SECOND)
  made.show(SECOND)
  expect(made.count(new Map())).toMatchObject({ lost: 0, doubled: 1 })
  expect(made.announcedAgain('bob')).toBe(1)
  expect(made.announcedAgain('ada')).toBe(0)
})
