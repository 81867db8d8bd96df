// The chat as a service of a libp2p node.
import { generateKeyPair } from '@libp2p/crypto/keys'
import { createLibp2p, type Libp2p } from 'libp2p'
import { expect, test } from 'vitest'
import { silentLogger } from '../../net/platform/silent-logger.ts'
import type { PeerName } from '../../net/ports.ts'
import { chat, type Chat } from '../../node/chat.ts'
import { SharedDirectory } from '../support/chat-world.ts'
import { faultyStore } from '../support/faulty-store.ts'
import { ManualClock } from '../support/manual-clock.ts'

const NAMED = 'and whose name has to be written'

test.each(['that has to be made', NAMED])(
  'where the store refuses the start of a node %s, nothing touches it afterwards',
  async (which) => {
    const disk = await faultyStore()
    const clock = new ManualClock()
    const privateKey = await generateKeyPair('Ed25519')
    const reopened: number[] = []
    const start = (name?: string): Promise<Libp2p<{ chat: Chat }>> => {
      const directory = new SharedDirectory('nobody' as PeerName)
      const service = chat({
        store: disk.store,
        dataKey: new Uint8Array(32).fill(7),
        directory,
        clock,
        reopen: () => Promise.resolve(void reopened.push(clock.now())),
        ...(name === undefined ? {} : { name }),
      })
      return createLibp2p({ privateKey, logger: silentLogger, services: { chat: service } })
    }
    if (which === NAMED) await (await start()).stop()
    await clock.advance(10_000)
    disk.fault = 'full'
    await expect(start('ada')).rejects.toMatchObject({ code: 'ERR_FULL' })
    disk.fault = 'none'
    const left = await disk.store.iterator().all()
    reopened.length = 0
    await clock.advance(20 * 60_000)
    expect(reopened).toEqual([])
    expect(await disk.store.iterator().all()).toEqual(left)
    expect(clock.pending).toBe(0)
  },
)
