import { expect, onTestFinished, test } from 'vitest'
import { LIMITS, mail, owner } from '../../mailbox/contract/people.ts'
import { DepositIds } from '../../mailbox/level/deposit-ids.ts'
import { keys } from '../../mailbox/level/keys.ts'
import { seededRandom } from '../support/random.ts'
import { levelSubject } from './store-subjects.ts'

const random = seededRandom('deposit ids')
const newId = (): Uint8Array => random(16)

/** The names of their receipts, as a store gives them. */
async function* namesOf(ids: readonly Uint8Array[]): AsyncGenerator<string[]> {
  for (let at = 0; at < ids.length; at += 1000) {
    yield ids.slice(at, at + 1000).map((id) => keys.receipt(7, id))
  }
}

test('before it is known which there are, every deposit id may be known', () => {
  const ids = new DepositIds()
  expect(ids.mayKnow(newId())).toBe(true)
  expect(ids.isFull).toBe(true)
})

test('no id is missed that was read or noted, also while the names are read, and few others are taken for known', async () => {
  const [stored, early, meanwhile, late] = [40_000, 1, 50, 5000].map((count) =>
    Array.from({ length: count }, newId),
  ) as [Uint8Array[], Uint8Array[], Uint8Array[], Uint8Array[]]
  const ids = new DepositIds()
  await ids.load(namesOf(early), 0)
  await ids.load(noting(), stored.length)
  for (const id of late) ids.note(id)
  const all = [...stored, ...early, ...meanwhile, ...late]
  expect(all.filter((id) => !ids.mayKnow(id))).toStrictEqual([])
  const others = Array.from({ length: 10_000 }, newId)
  expect(others.filter((id) => ids.mayKnow(id)).length).toBeLessThan(100)

  async function* noting(): AsyncGenerator<string[]> {
    for await (const names of namesOf([...stored, ...early])) {
      for (const id of meanwhile.slice(0, 25)) ids.note(id)
      yield names
      for (const id of meanwhile.slice(25)) ids.note(id)
    }
  }
})

test('with more ids than it has room for it is full, still misses none, and has room when it is loaded again', async () => {
  const many = Array.from({ length: 70_000 }, newId)
  const ids = new DepositIds()
  await ids.load(namesOf([]), 0)
  expect(ids.isFull).toBe(false)
  for (const id of many) ids.note(id)
  expect(ids.isFull).toBe(true)
  expect(many.every((id) => ids.mayKnow(id))).toBe(true)
  await ids.load(namesOf(many), many.length)
  expect(ids.isFull).toBe(false)
  expect(many.every((id) => ids.mayKnow(id))).toBe(true)
})

test('names that cannot be read change nothing', async () => {
  const known = newId()
  const ids = new DepositIds()
  await ids.load(namesOf([known]), 1)
  await expect(ids.load(failing(), 1)).rejects.toThrow('no disk')
  expect(ids.mayKnow(known)).toBe(true)
  expect(ids.mayKnow(newId())).toBe(false)
})

test('new mail costs no look into the store; what comes again is looked for, also after a crash', async () => {
  const subject = await levelSubject(LIMITS)
  onTestFinished(subject.close)
  const first = await subject.open()
  const to = owner(1)
  await first.store.join(to)
  const reads = first.reads()
  const promise = await first.store.deposit(mail(to, 'one'))
  await first.store.deposit(mail(to, 'two'))
  expect(first.reads()).toBe(reads)
  await first.crash()

  const { store } = await subject.open()
  expect(await store.deposit({ ...mail(to, 'one'), keptUntil: 1 })).toStrictEqual(promise)
  expect(await store.member(to)).toMatchObject({ messages: 2 })
})

async function* failing(): AsyncGenerator<string[]> {
  yield [keys.receipt(1, newId())]
  throw new Error('no disk')
}
