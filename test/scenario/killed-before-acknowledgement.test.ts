import { expect, test } from 'vitest'
import { ChatWorld, introduce } from '../support/chat-world.ts'

test('what was stored but not acknowledged, and waits in a mailbox too, is soon proved to its sender', async () => {
  const world = await ChatWorld.create('killed before acknowledgement')
  const { link } = await world.mailbox()
  const [ada, bob] = [await world.person('ada'), await world.person('bob')]
  await bob.node.mailbox.use(link)
  await introduce(ada, bob)
  const hello = await ada.node.conversation('bob').send('hello')
  await hello.until('delivered', { timeout: 20_000 })

  // The process ends between the commit and the acknowledgement.
  const { inbox } = bob.core
  const take = inbox.fromPeer.bind(inbox)
  inbox.fromPeer = async (sender, envelopes) => {
    const outcomes = await take(sender, envelopes)
    world.kill(bob)
    return outcomes
  }
  const last = await ada.node.conversation('bob').send('the last thing it stored')
  await last.until('stored', { timeout: 20_000 })
  const before = await ada.node.messages.get(last.id)
  expect(before.states.map(({ state }) => state)).toEqual(['queued', 'stored'])

  await world.restart(bob)
  // The mailbox hands over a repeat, for which there is no receipt; without the direct stream this would take half a minute.
  await last.until('delivered', { timeout: 15_000 })
  const texts = (await bob.node.messages.list('ada')).map(
    (entry) => entry.kind === 'text' && entry.text,
  )
  expect(texts).toEqual(['hello', 'the last thing it stored'])
  await Promise.all([ada.node.stop(), bob.node.stop()])
})
