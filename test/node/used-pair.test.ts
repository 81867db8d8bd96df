import { expect, test } from 'vitest'
import type { NewPair } from '../../mailbox/store.ts'
import { ChatWorld, introduce, texts } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const MINUTE = 60_000

test('a mailbox that gives one pair to everybody keeps nobody from writing', async () => {
  const clock = new ManualClock()
  const world = await ChatWorld.create('used pair', clock)
  const [ada, bob, eve] = [
    await world.person('ada'),
    await world.person('bob'),
    await world.person('eve'),
  ]
  const { link, box } = await world.mailbox()
  const honest = box.takePair.bind(box)
  let given: NewPair | undefined
  let asked = 0
  box.takePair = async (...question) => {
    asked++
    return (given ??= await honest(...question))
  }
  const used = bob.node.mailbox.use(link)
  await clock.advance(MINUTE)
  await used
  await introduce(ada, bob)
  await introduce(eve, bob)
  for (const sender of [ada, eve]) {
    const { id } = await sender.node.conversation('bob').send(`from ${sender.name}`)
    await settle()
    await clock.advance(10 * MINUTE)
    expect((await sender.node.messages.get(id)).state).toBe('delivered')
    expect(await texts(bob, sender)).toEqual([`from ${sender.name}`])
  }
  expect(given).toBeDefined()
  expect(asked).toBeGreaterThan(2)
})
