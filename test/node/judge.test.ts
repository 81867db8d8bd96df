// What counts as evidence against a mailbox, case by case.
import { expect, test } from 'vitest'
import { ready } from '../../protocol/crypto.ts'
import { newContact } from '../../node/contact.ts'
import { Draft } from '../../node/draft.ts'
import { judge } from '../../node/promises.ts'
import { testAccount } from '../support/accounts.ts'
import { seededRandom } from '../support/random.ts'

await ready

const random = seededRandom('judge')
const mailbox = testAccount(random).key
const other = testAccount(random).key
const NOW = 1_800_000_000_000
const nothing = new Uint8Array(0)

/** A receipt that came when 5 was our newest message; 9 is now. */
const receipt = {
  ...{ mailbox, storedAt: NOW - 1000, keptUntil: NOW + 1, receipt: nothing },
  ...{ counter: 5, broken: false },
}

test.each([
  ['a message that was written after the receipt', {}, 6, true],
  ['the newest message', {}, 9, true],
  ['a message that was there before the receipt', {}, 5, false],
  ['a message that was never written', {}, 10, false],
  ['a message of another mailbox', { mailbox: other }, 6, false],
  ['one after the promise has ended', { keptUntil: NOW }, 6, false],
  ['one that has counted already', { broken: true }, 6, false],
])('%s: evidence or not', (_, change, counter, expected) => {
  const account = testAccount(random).key
  const start = { account, name: 'bob', state: 'accepted', addresses: [], mailboxes: [] } as const
  const contact = { ...newContact({ ...start, now: NOW }, random), sentCounter: 9 }
  const draft = new Draft(contact, [], NOW)
  const entry = {
    ...{ order: 1, messageId: nothing, content: nothing, envelope: nothing, sessionId: nothing },
    ...{ createdAt: NOW, sealedAt: NOW, protection: undefined, held: [{ ...receipt, ...change }] },
  }
  const judged = judge(draft, entry, [{ mailbox, counter }])
  expect(judged !== entry).toBe(expected)
  expect(draft.contact.doubts).toHaveLength(expected ? 1 : 0)
})
