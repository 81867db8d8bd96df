import { join } from 'node:path'
import { generateX25519Identity, identityToRecipient } from 'age-encryption'
import { expect, test } from 'vitest'
import { createBackup, restoreBackup, verifyBackup } from '../../mailbox/backup/backup.ts'
import { start } from '../cli/processes.ts'
import { eventually, folder, live, textsOf } from '../support/live.ts'
import type { Running } from '../cli/processes.ts'
import type { Node } from '../../node/index.ts'

const NEVER = (): Promise<string> => Promise.reject(new Error('nobody is asked'))

test('a mailbox is backed up while it serves, lost, and restored: nothing that was in the backup is lost or comes twice', async () => {
  const dir = await folder()
  const box = await serve(join(dir, 'box'))
  const carol = await live(dir, 'carol')
  for (const name of ['ada', 'ben']) {
    const owner = await live(dir, name)
    await owner.mailbox.use(box.link)
    await carol.contacts.add(owner.id.link, { name })
    await owner.contacts.add(carol.id.link, { name: 'carol' })
    await say(carol, name, 'hello', 'delivered')
    await owner.stop()
  }
  for (const name of ['ada', 'ben']) await say(carol, name, 'one', 'stored')

  // It is made while more mail comes in.
  const file = join(dir, 'a.age')
  const identity = await generateX25519Identity()
  const seal = { recipients: [await identityToRecipient(identity)] }
  const more = ['two', 'three'].map((text) => say(carol, 'ben', text, 'stored'))
  await createBackup({ dir: join(dir, 'box'), file, seal })
  await Promise.all(more)
  const key = { identities: [identity] }
  const { members, messages } = await verifyBackup({ file, key })
  expect(members).toBe(2)
  expect(messages).toBeGreaterThanOrEqual(2)

  // Ada has hers before the mailbox is lost.
  const before = await live(dir, 'ada')
  await eventually(async () => (await textsOf(before, 'carol')).includes('one'))
  await eventually(() => before.status.mailboxes[0]?.waiting === 0)
  await before.stop()
  await carol.stop()
  box.running.child.kill('SIGKILL')
  await box.running.ended

  await restoreBackup({ file, key, dir: join(dir, 'new'), passphrase: NEVER })
  const restored = await serve(join(dir, 'new'), box.listen)
  expect(restored.link).toBe(box.link)
  const ada = await live(dir, 'ada')
  const ben = await live(dir, 'ben')
  await eventually(async () => (await textsOf(ben, 'carol')).includes('one'))
  for (const node of [ada, ben]) {
    await eventually(() => node.status.mailboxes[0]?.waiting === 0)
  }
  // What the mailbox lost is still with its sender.
  await live(dir, 'carol')
  await eventually(async () => (await textsOf(ben, 'carol')).length === 4)
  expect((await textsOf(ben, 'carol')).toSorted()).toEqual(['hello', 'one', 'three', 'two'])
  expect(await textsOf(ada, 'carol')).toEqual(['hello', 'one'])
})

/** A mailbox in a process of its own. */
async function serve(home: string, listen = '/ip4/127.0.0.1/tcp/0') {
  const running = start(['--home', home, 'mailbox', 'host', '--listen', listen, '--json'])
  await Promise.race([eventually(() => running.stdout().includes('\n')), failed(running)])
  const { link, addresses } = JSON.parse(running.stdout())
  return { running, link, listen: String(addresses[0]).replace(/\/p2p\/.*/, '') }
}

async function failed({ ended }: Running): Promise<never> {
  const { exit, stderr } = await ended
  throw new Error(`the mailbox ended with ${exit}: ${stderr}`)
}

async function say(
  from: Node,
  to: string,
  text: string,
  state: 'stored' | 'delivered',
): Promise<void> {
  await (await from.conversation(to).send(text)).until(state, { timeout: 20_000 })
}
