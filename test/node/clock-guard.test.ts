import { beforeEach, expect, test } from 'vitest'
import { ClockGuard } from '../../node/clock-guard.ts'
import { DAY, HOUR, OwnWorld } from './own-world.ts'

let world: OwnWorld
let guard: ClockGuard

beforeEach(async () => {
  world = await OwnWorld.make()
  guard = guardOf(world)
  await guard.start()
})

test('time that passes is no jump', async () => {
  await world.clock.advance(40 * DAY)
  expect(guard.check()).toBe(true)
})

test('a clock that goes back by more than an hour is a jump, by less it is not', () => {
  world.clock.jump(world.clock.now() - HOUR)
  expect(guard.check()).toBe(true)
  world.clock.jump(world.clock.now() - 1)
  expect(guard.check()).toBe(false)
  expect(guard.jump).toBe('back')
})

test('a clock that runs ahead of the timers by more than an hour is a jump', async () => {
  await world.clock.advance(DAY)
  world.clock.jump(world.clock.now() + HOUR + 10 * 60_000 + 1)
  expect(guard.check()).toBe(false)
  expect(guard.jump).toBe('ahead')
})

test('small steps ahead add up to no jump', async () => {
  for (let step = 0; step < 24; step += 1) {
    world.clock.jump(world.clock.now() + HOUR / 2)
    await world.clock.advance(10 * 60_000)
    expect(guard.check()).toBe(true)
  }
})

test('an hour switched off is nothing; what is longer is accounted for by nothing', async () => {
  expect((await restart(HOUR)).check()).toBe(true)
  const next = await restart(400 * DAY)
  expect(next.check()).toBe(false)
  expect(next.jump).toBe('off')
  world.clock.jump(world.clock.now() + 900 * DAY)
  next.check()
  expect(next.jump).toBe('ahead')
  world.clock.jump(world.clock.now() - 900 * DAY)
  next.check()
  expect(next.jump).toBe('off')
  next.witness('mailbox', 'm', world.clock.now())
  expect(next.jump).toBe('none')
})

test('until the clock is agreed on, only running time makes things due', async () => {
  const known = world.clock.now()
  expect(guard.destroyBy).toBe(known)
  world.clock.jump(known + 900 * DAY)
  expect(guard.destroyBy).toBe(known)
  await world.clock.advance(5 * HOUR)
  expect(guard.destroyBy).toBe(known + 5 * HOUR)
  const next = await restart(30 * DAY)
  expect(next.destroyBy).toBe(known + 5 * HOUR)
  await world.clock.advance(2 * DAY)
  expect(next.destroyBy).toBe(known + 5 * HOUR + 2 * DAY)
  await next.confirm()
  expect(next.destroyBy).toBe(world.clock.now())
  world.clock.jump(world.clock.now() - 2 * HOUR)
  expect(next.destroyBy).toBeUndefined()
})

test('what begins while the clock has gone back is not dated before its time', async () => {
  const known = world.clock.now()
  world.clock.jump(known - 300 * DAY)
  expect(guard.now()).toBe(known)
  await world.clock.advance(HOUR)
  expect(guard.now()).toBe(known + HOUR)
  await guard.confirm()
  expect(guard.now()).toBe(world.clock.now())
})

test('the first start believes the clock', async () => {
  const fresh = guardOf(await OwnWorld.make({ seed: 'another' }))
  await fresh.start()
  expect(fresh.jump).toBe('none')
})

test('a clock that was set back while switched off is a jump', async () => {
  const next = await restart(-2 * HOUR)
  expect(next.jump).toBe('back')
})

test('a jump outlives a restart, and ends when the clock is set right', async () => {
  world.clock.jump(world.clock.now() + 900 * DAY)
  expect(guard.check()).toBe(false)
  const next = await restart(HOUR)
  expect(next.jump).toBe('ahead')
  world.clock.jump(world.clock.now() - 900 * DAY)
  expect(next.check()).toBe(true)
})

test('during a jump the timers still tell which time would be plausible', async () => {
  world.clock.jump(world.clock.now() + 900 * DAY)
  guard.check()
  await world.clock.advance(5 * HOUR)
  expect(guard.jump).toBe('ahead')
  world.clock.jump(world.clock.now() - 900 * DAY)
  expect(guard.check()).toBe(true)
})

test('the user can confirm the clock, and that is kept', async () => {
  world.clock.jump(world.clock.now() + 10 * DAY)
  guard.check()
  await guard.confirm()
  expect(guard.jump).toBe('none')
  expect((await restart(HOUR)).check()).toBe(true)
})

test('a mailbox is believed, one contact is not, two are', () => {
  const now = world.clock.now() + 10 * DAY
  const jump = (): void => {
    world.clock.jump(world.clock.now() + 10 * DAY)
    expect(guard.check()).toBe(false)
  }
  jump()
  guard.witness('contact', 'a', now)
  guard.witness('contact', 'a', now)
  expect(guard.jump).toBe('ahead')
  guard.witness('contact', 'b', now + HOUR)
  expect(guard.jump).toBe('none')
  jump()
  guard.witness('contact', 'a', now + 10 * DAY) // what was said about another jump does not count
  guard.witness('mailbox', 'm', now)
  expect(guard.jump).toBe('ahead')
  guard.witness('mailbox', 'm', now + 10 * DAY)
  expect(guard.jump).toBe('none')
})

test('a second source counts as soon as the clock has jumped, also before anybody looked', () => {
  world.clock.jump(world.clock.now() + 10 * DAY)
  guard.witness('mailbox', 'm', world.clock.now())
  expect(guard.check()).toBe(true)
})

test('listeners hear of a jump and of its end, until they leave', () => {
  const heard: string[] = []
  const leave = guard.watch((jump) => heard.push(jump))
  const now = world.clock.now()
  world.clock.jump(now - DAY)
  guard.check()
  guard.check()
  world.clock.jump(now)
  guard.check()
  leave()
  world.clock.jump(now - DAY)
  guard.check()
  expect(heard).toEqual(['back', 'none'])
})

test('after a stop no timer is left', () => {
  guard.stop()
  guard.stop()
  expect(world.clock.pending).toBe(1) // the last reading on its way to the store
})

function guardOf({ records, clock }: OwnWorld): ClockGuard {
  return new ClockGuard({ records, clock })
}

async function restart(ms: number): Promise<ClockGuard> {
  guard.stop()
  await world.records.close()
  world.clock.jump(world.clock.now() + ms)
  const next = guardOf(world.again())
  await next.start()
  return next
}
