import { beforeEach, describe, expect, test } from 'vitest'
import { signHandOut } from '../../protocol/custody.ts'
import { itemKinds, type Item } from '../../protocol/padding.ts'
import { peerName } from '../../net/peer-name.ts'
import { forgetNotes, HandOutNotes, type Noted } from '../../node/hand-out-notes.ts'
import type { TakenPrekey } from '../../node/mailbox-pool.ts'
import { testAccount } from '../support/accounts.ts'
import { ChatWorld, texts, type Person } from '../support/chat-world.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'
import { seededRandom } from '../support/random.ts'
import { DAY, OwnWorld } from './own-world.ts'
import type { Account } from '../../protocol/account.ts'

const MINUTE = 60_000

describe('the notes that an owner is shown', () => {
  let world: OwnWorld
  let mailbox: Account
  let notes: HandOutNotes
  let keyId: number

  beforeEach(async () => {
    world = await OwnWorld.start()
    mailbox = testAccount(seededRandom('mailbox'))
    const { account, records, clock, keys } = world
    const mailboxes = () => [mailbox.key]
    notes = new HandOutNotes({ account: account.key, records, clock, keys, mailboxes })
    await keys.createOneTimePairs(mailbox.key, 1)
    const [name = ''] = await world.stored('own/pair/')
    keyId = Number.parseInt(name.slice(9), 16)
  })

  function note(nonce: number, by = mailbox, id = keyId): readonly Item[] {
    const bytes = new Uint8Array(16).fill(nonce)
    const handOut = { owner: world.account.key, keyId: id, at: 1, nonce: bytes }
    return [{ kind: itemKinds.handOutNote, value: signHandOut(by, handOut) }]
  }

  async function look(items: readonly Item[]): Promise<Noted> {
    const noted = await notes.look(items)
    await world.commit(noted.operations)
    return noted
  }

  test('two for one pair are a broken promise, also when the pair is used up by then', async () => {
    expect((await look(note(1))).broken).toBeUndefined()
    expect((await look(note(1))).broken).toBeUndefined()
    await world.commit(world.keys.spendOneTime(keyId))
    world.keys.forgetOneTime(keyId)
    expect((await look(note(1))).broken).toBeUndefined()
    expect((await look(note(2))).broken).toEqual(mailbox.key)
  })

  test('those that prove nothing leave no trace', async () => {
    const stranger = testAccount(seededRandom('stranger'))
    const forged = note(3).map((item) => ({ ...item, value: item.value.slice(0, -1) }))
    const elsewhere = signHandOut(mailbox, {
      ...{ owner: stranger.key, keyId, at: 1, nonce: new Uint8Array(16) },
    })
    const useless: readonly (readonly Item[])[] = [
      [],
      note(1, stranger),
      note(1, mailbox, keyId + 1),
      forged,
      [{ kind: itemKinds.handOutNote, value: elsewhere }],
      [{ kind: itemKinds.handOutNote, value: new Uint8Array(0) }],
    ]
    for (const items of useless)
      expect(await look(items)).toEqual({ operations: [], broken: undefined })
    expect(await world.stored('own/note/')).toEqual([])
  })

  test('a mailbox speaks for the pairs that were meant for it', async () => {
    const other = testAccount(seededRandom('other mailbox'))
    const { account, records, clock, keys } = world
    const both = () => [mailbox.key, other.key]
    notes = new HandOutNotes({ account: account.key, records, clock, keys, mailboxes: both })
    expect((await look(note(1, other))).operations).toEqual([])
  })

  test('are kept as long as their pairs', async () => {
    await look(note(1))
    await forgetNotes(world.records, world.clock.now() + 76 * DAY)
    expect(await world.stored('own/note/')).toHaveLength(1)
    await forgetNotes(world.records, world.clock.now() + 76 * DAY + 1)
    expect(await world.stored('own/note/')).toHaveLength(0)
  })
})

describe('a mailbox that hands out a pair twice', () => {
  let clock: ManualClock
  let world: ChatWorld
  let bob: Person
  let mailbox: Account
  let told: string[]

  beforeEach(async () => {
    clock = new ManualClock()
    world = await ChatWorld.create('hand-out', clock)
    bob = await world.person('bob')
    const { link, account } = await world.mailbox()
    mailbox = account
    const used = bob.node.mailbox.use(link)
    await clock.advance(MINUTE)
    await used
    told = []
    bob.node.on('mailbox.broken', ({ mailbox: peer }) => told.push(peer))
  })

  /** Somebody who knows bob, and what the mailbox gives them: as it is, or something else the first time. */
  async function friend(
    name: string,
    instead: (taken: TakenPrekey) => TakenPrekey = (taken) => taken,
  ): Promise<{ readonly person: Person; readonly taken: TakenPrekey[] }> {
    const person = await world.person(name)
    const { pool } = person.core
    const honest = pool.takePrekey.bind(pool)
    const taken: TakenPrekey[] = []
    pool.takePrekey = async (...request) => {
      const given = await honest(...request)
      taken.push(taken.length === 0 ? instead(given) : given)
      return taken.at(-1) ?? given
    }
    await person.node.contacts.add(bob.peer, { name: 'bob' })
    await clock.advance(MINUTE)
    return { person, taken }
  }

  async function write({ node }: Person, text: string): Promise<void> {
    await node.conversation('bob').send(text)
    await settle() // the requests that this sets off have a deadline
    await clock.advance(5 * MINUTE)
    await settle()
  }

  const carries = ({ core }: Person): boolean =>
    core.book.byAccount(bob.account.key)?.contact.handOut !== undefined

  test('is told of, and no bundle names it any more, also after a restart', async () => {
    const ada = await friend('ada')
    await write(ada.person, 'from ada')
    const [first] = ada.taken
    if (first?.pair === undefined) throw new Error('no pair')
    const nonce = new Uint8Array(16).fill(9)
    const handOut = { owner: bob.account.key, keyId: first.pair.id, at: clock.now(), nonce }
    const again: TakenPrekey = { ...first, note: signHandOut(mailbox, handOut) }
    const carol = await friend('carol', () => again)
    await write(carol.person, 'from carol')
    expect(await texts(bob, carol.person)).toEqual(['from carol'])
    expect(told).toEqual([peerName(mailbox.key)])
    expect(bob.node.mailbox.list()).toMatchObject([{ broken: true }])
    expect(bob.core.ownKeys.bundle.mailboxes).toEqual([])
    await world.restart(bob)
    expect(bob.node.mailbox.list()).toMatchObject([{ broken: true }])
    expect(bob.core.ownMailboxes.named).toEqual([])
  })

  test('one that keeps its promise is not', async () => {
    const ada = await friend('ada')
    await write(ada.person, 'from ada')
    expect(carries(ada.person)).toBe(true)
    await bob.node.conversation(ada.person.peer).send('hello, ada')
    await clock.advance(MINUTE)
    expect(carries(ada.person)).toBe(false)
    const carol = await friend('carol')
    await write(carol.person, 'from carol')
    expect(told).toEqual([])
    expect(bob.node.mailbox.list()).toMatchObject([{ broken: false }])
    expect(bob.core.ownKeys.bundle.mailboxes).toHaveLength(1)
  })
})
