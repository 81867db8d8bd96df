import { inspect } from 'node:util'
import { expect, test } from 'vitest'
import { toHex, utf8 } from '../../protocol/bytes.ts'
import { ChatWorld, envelopes, introduce, type Person } from '../support/chat-world.ts'

const TEXT = 'the cat is in the bag'
const NAME = 'marmalade'

/** Everything that a careless log could print of a person's node. */
function printed({ node, core }: Person): string {
  const shown = [node, core, ...Object.values(core), ...core.book.all()].flatMap((thing) => [
    inspect(thing, { depth: Infinity, showHidden: true, maxArrayLength: Infinity }),
    JSON.stringify(thing) ?? '',
    String(thing),
  ])
  return shown.join('\n')
}

test('a node that is printed shows no text, no name and no secret', async () => {
  const world = await ChatWorld.create('privacy')
  const ada = await world.person('ada')
  const bob = await world.person('bob')
  await introduce(ada, bob)
  await ada.node.contacts.add(bob.peer, { name: NAME })
  const sent = await ada.node.conversation(NAME).send(TEXT)
  await sent.until('delivered', { timeout: 10_000 })
  world.kill(bob)
  await ada.node.conversation(NAME).send(TEXT)
  expect(envelopes(ada, bob)).toHaveLength(1)

  for (const person of [ada, bob]) {
    const text = printed(person)
    expect(text).not.toContain(TEXT)
    expect(text).not.toContain(NAME)
    expect(text).not.toContain(toHex(utf8(TEXT)).slice(4, -4))
    expect(text).not.toContain([...utf8(TEXT)].slice(2, 12).join(', '))
    expect(text).not.toMatch(/(?:\d{1,3},\s*){31}\d{1,3}/) // thirty-two bytes of anything
  }
  await ada.node.stop()
})

test('neither do its errors', async () => {
  const world = await ChatWorld.create('privacy of errors')
  const ada = await world.person('ada')
  const bob = await world.person('bob')
  await ada.node.contacts.add(bob.peer, { name: NAME })
  ada.disk.fault = 'full'
  const failures = await Promise.allSettled([
    ada.node.conversation(NAME).send(TEXT),
    ada.node.conversation(NAME).send(TEXT, { requireVerified: true }),
    ada.node.conversation(NAME).send(`${TEXT}\ud800`),
    ada.node.conversation(NAME).send(TEXT.repeat(10_000)),
    ada.node.contacts.add(bob.peer, { name: `${NAME}${NAME}` }),
    ada.node.contacts.verify(NAME, '123'),
    ada.node.messages.get('m_'),
  ])
  for (const failure of failures) {
    expect(failure.status).toBe('rejected')
    const shown = inspect(failure, { depth: Infinity })
    expect(shown).not.toContain(TEXT)
    expect(shown).not.toContain(NAME)
  }
  await ada.node.stop().catch(() => undefined)
})
