import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { until } from '../support/manual-clock.ts'
import { ChatWorld, introduce, type Person } from '../support/chat-world.ts'

// The cost of a message in batches: docs/architecture.md, "What a message costs".

describe('batches', () => {
  let world: ChatWorld
  let ada: Person
  let bob: Person

  beforeEach(async () => {
    world = await ChatWorld.create('batches')
    ada = await world.person('ada')
    bob = await world.person('bob')
    await introduce(ada, bob)
    const first = await ada.node.conversation('bob').send('first')
    await first.until('delivered', { timeout: 5000 })
    const back = await bob.node.conversation('ada').send('back')
    await back.until('delivered', { timeout: 5000 })
    await quiet()
  })

  afterEach(async () => {
    await ada.node.stop()
    await bob.node.stop()
  })

  /** Waits until what rides with later batches is written. */
  async function quiet(): Promise<void> {
    await ada.core.records.flush()
    await bob.core.records.flush()
  }

  function counts(): { readonly batches: number; readonly synced: number }[] {
    return [ada, bob].map(({ core }) => ({ ...core.records.counts }))
  }

  test('one at a time: one synced batch on each side, and at most two batches in all', async () => {
    const before = counts()
    for (let at = 0; at < 10; at++) {
      const sent = await ada.node.conversation('bob').send(`message ${at}`)
      await sent.until('delivered', { timeout: 5000 })
    }
    const after = counts()
    for (const [side, { batches, synced }] of after.entries()) {
      expect(synced - (before[side]?.synced ?? 0)).toBeLessThanOrEqual(10)
      expect(synced - (before[side]?.synced ?? 0)).toBeGreaterThan(0)
      expect(batches - (before[side]?.batches ?? 0)).toBeLessThanOrEqual(20)
    }
  })

  test('a delivery is told of after a sync: its number will not stand for something else', async () => {
    const told: boolean[] = []
    ada.node.on('message.state', ({ to }) => {
      const { batches, synced } = ada.core.records.counts
      if (to === 'delivered') told.push(synced === batches)
    })
    for (let at = 0; at < 3; at++) {
      const sent = await ada.node.conversation('bob').send(`message ${at}`)
      await sent.until('delivered', { timeout: 5000 })
      await until(() => told.length > at)
    }
    expect(told).toEqual([true, true, true])
  })

  test('with 64 in flight: under a tenth of a batch for each message and side', async () => {
    const before = counts()
    const total = 1024
    let started = 0
    const worker = async (): Promise<void> => {
      while (started < total) {
        const sent = await ada.node.conversation('bob').send(`message ${started++}`)
        await sent.until('delivered', { timeout: 20_000 })
      }
    }
    await Promise.all(Array.from({ length: 64 }, worker))
    const after = counts()
    for (const [side, { batches }] of after.entries()) {
      expect((batches - (before[side]?.batches ?? 0)) / total).toBeLessThan(0.1)
    }
  })

  test('nothing is acknowledged before the batch with it is synced', async () => {
    bob.disk.slow = true
    const direct = '/sotto/direct/1'
    let synced = bob.core.records.counts.synced
    let frames = 0
    const seen: number[] = []
    world.network.filter = ({ from, to, protocol }) => {
      if (protocol !== direct) return 'deliver'
      if (from === ada.peer && to === bob.peer) frames++
      if (from === bob.peer && to === ada.peer) {
        seen.push(bob.core.records.counts.synced - synced)
        synced = bob.core.records.counts.synced
      }
      return 'deliver'
    }
    for (let at = 0; at < 5; at++) {
      const sent = await ada.node.conversation('bob').send(`message ${at}`)
      await sent.until('delivered', { timeout: 5000 })
    }
    expect(frames).toBe(5)
    expect(seen).toEqual([1, 1, 1, 1, 1])
  })

  test('nothing leaves the sender before the batch with it is synced', async () => {
    ada.disk.slow = true
    const seen: number[] = []
    let synced = ada.core.records.counts.synced
    world.network.filter = ({ from, protocol }) => {
      if (protocol === '/sotto/direct/1' && from === ada.peer) {
        seen.push(ada.core.records.counts.synced - synced)
        synced = ada.core.records.counts.synced
      }
      return 'deliver'
    }
    for (let at = 0; at < 5; at++) {
      const sent = await ada.node.conversation('bob').send(`message ${at}`)
      await sent.until('delivered', { timeout: 5000 })
    }
    expect(seen).toEqual([1, 1, 1, 1, 1])
  })
})
