import fc from 'fast-check'
import { expect, test, vi } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { SessionError } from '../../protocol/errors.ts'
import type * as OpenModule from '../../protocol/open-message.ts'
import type * as SessionModule from '../../protocol/session.ts'
import { Group, happenings } from '../support/healing-group.ts'

// What is watched of every ratchet: which positions were sealed more than once, and whether a receiver noticed.
const watched = vi.hoisted(() => ({ sealed: new Map<string, number>(), divergences: 0 }))

vi.mock('../../protocol/session.ts', async (importOriginal) => {
  const original = await importOriginal<typeof SessionModule>()
  const encryptMessage: typeof original.encryptMessage = (session, message, options) => {
    const done = original.encryptMessage(session, message, options)
    const { chain, number } = done.position
    const position = `${toHex(session.id)} ${session.handshake.by} ${chain} ${number}`
    watched.sealed.set(position, (watched.sealed.get(position) ?? 0) + 1)
    return done
  }
  return { ...original, encryptMessage }
})

vi.mock('../../protocol/open-message.ts', async (importOriginal) => {
  const original = await importOriginal<typeof OpenModule>()
  const openMatched: typeof original.openMatched = (match, options) => {
    try {
      return original.openMatched(match, options)
    } catch (error) {
      if (error instanceof SessionError && error.code === 'ERR_DIVERGED') watched.divergences++
      throw error
    }
  }
  return { ...original, openMatched }
})

const RUNS = process.env['SLOW'] === '1' ? 200 : 25

async function holds(people: number, restores: boolean, runs: number): Promise<void> {
  await fc.assert(
    fc.asyncProperty(happenings(people, restores), async (events) => {
      watched.sealed.clear()
      watched.divergences = 0
      const group = await Group.create(people)
      for (const happening of events) await group.run(happening)
      await group.calm()
      expect(await group.converges()).toBe(true)
      await group.agree()
      expect(await group.check()).toEqual([])
      expect(watched.sealed.size).toBeGreaterThan(0)
      const reused = [...watched.sealed.values()].some((times) => times > 1)
      if (reused || watched.divergences > 0) expect(group.anyRestored).toBe(true)
      const told = group.members.some(({ told }) => told.includes('diverged'))
      if (watched.divergences > 0) expect(told).toBe(true)
      await group.stop()
    }),
    { numRuns: runs },
  )
}

test('two people end in one session, and every message is shown once', async () => {
  await holds(2, false, RUNS)
}, 3_600_000)

test('three people end in one session each, and every message is shown once', async () => {
  await holds(3, false, RUNS)
}, 3_600_000)

test('a restored backup costs nothing that was accepted since, and shows when a position was used twice', async () => {
  await holds(2, true, RUNS)
}, 3_600_000)

test('so among three people', async () => {
  await holds(3, true, RUNS)
}, 3_600_000)
