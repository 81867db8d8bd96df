import { expect, test } from 'vitest'
import { accountKey } from '../../protocol/account.ts'
import { createMessageId } from '../../protocol/content.ts'
import { hash } from '../../protocol/crypto.ts'
import { newContact } from '../../node/contact.ts'
import { Draft } from '../../node/draft.ts'
import { DAY } from '../../node/lifetimes.ts'
import { SeenEnvelopes } from '../../node/seen-envelopes.ts'
import { ChatWorld } from '../support/chat-world.ts'
import { ManualClock } from '../support/manual-clock.ts'

test('a contact makes a bounded number of marks a day, also when we start again in between', async () => {
  const clock = new ManualClock()
  const world = await ChatWorld.create('marks', clock)
  const { records } = (await world.person('ada')).core
  const account = accountKey(world.account().key)
  const random = world.random()
  const fields = { account, name: 'bob', addresses: [], mailboxes: [] } as const
  const contact = newContact({ ...fields, state: 'accepted', now: clock.now() }, random)

  /** Notes so many envelopes and says how many marks came of it. */
  async function note(seen: SeenEnvelopes, count: number, now = clock.now()): Promise<number> {
    const draft = new Draft(contact, [], now)
    for (let i = 0; i < count; i++) {
      const digest = hash(32, 'envelope', random(16))
      await seen.note(draft, { arrival: 'direct', digest }, createMessageId(random))
    }
    await records.commit(draft.operations)
    return draft.operations.length
  }

  expect(await note(new SeenEnvelopes(contact.id, records), 16_000)).toBe(16_000)
  const again = new SeenEnvelopes(contact.id, records)
  expect(await note(again, 500)).toBe(384)
  expect(await note(again, 10)).toBe(0)
  expect(await note(again, 10, clock.now() + DAY)).toBe(10)
})
