import { join } from 'node:path'
import { expect, test } from 'vitest'
import { decodeEpochs } from '../../net/epoch-codec.ts'
import { openHome, type Home } from '../../net/platform/home.ts'
import { openValue } from '../../net/sealed-value.ts'
import { DYING } from '../../node/keys.ts'
import type { Secret } from '../../protocol/secret.ts'
import { folder, live, textsOf } from '../support/live.ts'

test('after a stop nothing opens what sessions, keys and envelopes were before, and the node goes on', async () => {
  const dir = await folder()
  const bob = await live(dir, 'bob')
  const ada = await live(dir, 'ada')
  await ada.contacts.add(bob.id.link, { name: 'bob' })
  await bob.contacts.add(ada.id.link, { name: 'ada' })
  await (await ada.conversation('bob').send('one')).until('delivered', { timeout: 20_000 })
  await ada.stop()
  const before = await opened(join(dir, 'ada'), async (home) => {
    const all = await home.store.iterator().all()
    const dying = all.filter(([key]) => DYING.some((prefix) => key.startsWith(prefix)))
    const keys = await keysIn(home)
    for (const [key, sealed] of dying) expect(openedBy(keys, key, sealed), key).toBe(true)
    for (const [key, sealed] of dying) expect(openedBy([home.dataKey], key, sealed)).toBe(false)
    return dying
  })
  expect(new Set(before.map(([key]) => key.split('/')[0]))).toEqual(new Set(['own', 'session']))

  const again = await live(dir, 'ada')
  await (await again.conversation('bob').send('two')).until('delivered', { timeout: 20_000 })
  expect(await textsOf(bob, 'ada')).toEqual(['one', 'two'])
  expect(Object.values(again.status.damaged).every((count) => count === 0)).toBe(true)
  await again.stop()
  await opened(join(dir, 'ada'), async (home) => {
    const keys = [...(await keysIn(home)), home.dataKey]
    for (const [key, sealed] of before) expect(openedBy(keys, key, sealed), key).toBe(false)
  })
})

async function opened<T>(dir: string, look: (home: Home) => Promise<T>): Promise<T> {
  const home = await openHome(dir)
  try {
    return await look(home)
  } finally {
    await home.close()
  }
}

async function keysIn({ epochs, dataKey }: Home): Promise<readonly Secret<'EpochKey'>[]> {
  const bytes = await epochs.read()
  if (bytes === undefined) throw new Error('no keys')
  const { current, previous } = decodeEpochs(openValue(dataKey, 'epochs', bytes))
  return previous === undefined ? [current] : [current, previous]
}

function openedBy(
  keys: readonly Secret<'EpochKey' | 'DataKey'>[],
  name: string,
  sealed: Uint8Array,
): boolean {
  return keys.some((key) => {
    try {
      openValue(key, name, sealed)
      return true
    } catch {
      return false
    }
  })
}
