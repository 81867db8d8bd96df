// Delivery tokens from end to end: an owner, contacts and a real mailbox over the memory wire.
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { toHex } from '../../protocol/bytes.ts'
import { envelopeDigest } from '../../protocol/custody.ts'
import { deliveryTokenBytes } from '../../protocol/delivery-token.ts'
import { decodeMailboxLink } from '../../protocol/link.ts'
import { decodeMailboxFrame, type MailboxBodyName } from '../../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../../net/names.ts'
import { peerName } from '../../net/peer-name.ts'
import type { PeerName } from '../../net/ports.ts'
import type { IssuedToken } from '../../node/issued-tokens.ts'
import { ChatWorld, introduce, texts, type Person } from '../support/chat-world.ts'
import { Visitor } from '../../node/foreign-mailbox.ts'
import { ManualClock, settle } from '../support/manual-clock.ts'

const SECOND = 1_000
const MINUTE = 60 * SECOND
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

type Mailbox = Awaited<ReturnType<ChatWorld['mailbox']>>

/** A request that a mailbox was asked. */
interface Asked {
  readonly mailbox: PeerName
  /** Who is behind the name that it came under. */
  readonly by: PeerName
  readonly what: MailboxBodyName
  /** Hex of what was shown; empty: nothing. */
  readonly token: string
}

let clock: ManualClock
let world: ChatWorld
let mailbox: Mailbox
let ada: Person
let bob: Person
let asked: Asked[]
/** Slots of each list of tokens that a mailbox was given. */
let puts: (readonly number[])[]
const people: Person[] = []

beforeEach(async () => {
  clock = new ManualClock()
  world = await ChatWorld.create('delivery tokens', clock)
  asked = []
  puts = []
  world.network.filter = ({ from, to, protocol, frame }) => {
    if (protocol !== MAILBOX_PROTOCOL) return 'deliver'
    const { body } = decodeMailboxFrame(frame)
    if (body.case === undefined) return 'deliver'
    if (body.case === 'putTokens') puts.push(body.value.tokens.map(({ slot }) => slot))
    const token = 'token' in body.value ? toHex(body.value.token) : ''
    const by = world.network.behind(from)
    asked.push({ mailbox: to, by, what: body.case, token })
    return 'deliver'
  }
  mailbox = await world.mailbox()
  ada = await person('ada')
  bob = await person('bob')
})

afterEach(async () => {
  for (const { node } of people.splice(0)) {
    const stopped = node.stop()
    await clock.advance(SECOND)
    await stopped
  }
})

async function person(name: string): Promise<Person> {
  const made = await world.person(name)
  people.push(made)
  return made
}

async function use(owner: Person, { link }: Mailbox): Promise<void> {
  const used = owner.node.mailbox.use(link)
  await clock.advance(5 * SECOND)
  await used
}

/** Time goes by, a second at a time, until something is so. */
async function eventually(condition: () => boolean | Promise<boolean>): Promise<void> {
  for (let second = 0; second < 600; second++) {
    if (await condition()) return
    await clock.advance(SECOND)
    await settle(3)
  }
  throw new Error(`never came true: ${condition}`)
}

async function says(from: Person, to: Person, text: string): Promise<void> {
  await from.node.conversation(to.peer).send(text)
  await eventually(() => has(to, from, text))
}

async function has(reader: Person, from: Person, text: string): Promise<boolean> {
  if (reader.core.book.byAccount(from.account.key) === undefined) return false
  return (await texts(reader, from)).includes(text)
}

/** What one has issued to the other. */
function issued(by: Person, to: Person): readonly IssuedToken[] {
  return by.core.book.byAccount(to.account.key)?.contact.tokens ?? []
}

/** What the other believes to have, in hex. */
function held(by: Person, from: Person): readonly string[] {
  const { tokens } = by.core.book.byAccount(from.account.key)?.contact.theirTokens ?? { tokens: [] }
  return tokens.map(({ token }) => toHex(deliveryTokenBytes(token)))
}

const valueOf = ({ token }: IssuedToken): string => toHex(deliveryTokenBytes(token))
const peerOf = ({ account }: Mailbox): PeerName => peerName(account.key)

/** Slots of the list that the mailbox was given last. */
function lanes(): readonly number[] {
  return puts.at(-1) ?? []
}

/** ada and bob talk, and bob has a mailbox. */
async function withMailbox(): Promise<void> {
  await introduce(ada, bob)
  await says(ada, bob, 'hello')
  await says(bob, ada, 'hello you')
  await use(bob, mailbox)
  await eventually(() => held(ada, bob).length === 1)
}

/** Deposits of one person at the mailbox, newest last. */
function deposits(of: Person, at = peerOf(mailbox)): readonly Asked[] {
  return asked.filter((one) => one.by === of.peer && one.mailbox === at && one.what === 'deposit')
}

test('a contact is given a token, and shows it where it leaves mail', async () => {
  await withMailbox()
  const [token] = issued(bob, ada)
  if (token === undefined) throw new Error('nothing was issued')
  expect(held(ada, bob)).toEqual([valueOf(token)])
  world.network.part(ada.peer, bob.peer)
  await says(ada, bob, 'by mailbox')
  const left = deposits(ada)
  expect(left.length).toBeGreaterThan(0)
  expect(new Set(left.map((one) => one.token))).toEqual(new Set([valueOf(token)]))
})

test('the mailbox knows a token before the contact is told of it', async () => {
  await introduce(ada, bob)
  await says(ada, bob, 'hello')
  await says(bob, ada, 'hello you')
  let refuse = true
  const { filter } = world.network
  world.network.filter = (seen) => {
    const isTokens =
      seen.protocol === MAILBOX_PROTOCOL && decodeMailboxFrame(seen.frame).body.case === 'putTokens'
    return refuse && isTokens ? 'cut' : (filter?.(seen) ?? 'deliver')
  }
  await use(bob, mailbox)
  await clock.advance(10 * MINUTE)
  expect(issued(bob, ada)).toHaveLength(1)
  expect(issued(bob, ada)[0]).toMatchObject({ due: true, toldAt: 0 })
  expect(held(ada, bob)).toEqual([])
  refuse = false
  await clock.advance(10 * MINUTE)
  await eventually(() => held(ada, bob).length === 1)
})

test('strangers fill their lane, and the mail of a contact still arrives', async () => {
  await withMailbox()
  const stopped = bob.node.stop()
  await clock.advance(SECOND)
  await stopped
  const { account, addresses } = decodeMailboxLink(mailbox.link)
  let accepted = 0
  for (let stranger = 0; stranger < 1_000; stranger++) {
    const visitor = new Visitor({
      wires: world.network.throwAway(ada.peer, world.random()),
      ...{ mailbox: peerName(account), addresses: addresses.map(String), clock },
      ...{ random: world.random(), isOurs: false },
    })
    const envelope = new Uint8Array(300).fill(stranger % 251)
    envelope.set([1, 1, stranger % 256, Math.floor(stranger / 256)])
    const depositId = envelopeDigest(envelope).slice(0, 16)
    const { signal } = new AbortController()
    accepted += await visitor
      .deposit({ owner: bob.account.key, depositId, envelope }, { signal })
      .then(() => 1)
      .catch(() => 0)
    await visitor.close()
  }
  expect(accepted).toBeGreaterThanOrEqual(90)
  expect(accepted).toBeLessThanOrEqual(100)
  const sent = await ada.node.conversation('bob').send('through')
  const stored = sent.until('stored', { timeout: 10 * MINUTE })
  await clock.advance(5 * MINUTE)
  await stored
  await world.restart(bob)
  await eventually(async () => (await texts(bob, ada)).includes('through'))
}, 120_000)

describe('a token goes nowhere but to its mailbox and its contact', () => {
  test('with two mailboxes and two contacts', async () => {
    const second = await world.mailbox()
    const cat = await person('cat')
    await withMailbox()
    await introduce(bob, cat)
    await says(cat, bob, 'hello from cat')
    await says(bob, cat, 'hello cat')
    await use(bob, second)
    await eventually(() => held(ada, bob).length === 2 && held(cat, bob).length === 2)
    const all = [...issued(bob, ada), ...issued(bob, cat)]
    expect(new Set(all.map(valueOf)).size).toBe(4)
    expect(new Set(all.map(({ slot }) => slot)).size).toBe(4)
    for (const other of [ada, cat]) world.network.part(other.peer, bob.peer)
    // The mailbox that a bundle names first is off for some of it, so that both are used.
    await says(ada, bob, 'one')
    await says(cat, bob, 'two')
    await mailbox.service.stop()
    await says(ada, bob, 'three')
    await says(cat, bob, 'four')
    const where = new Map(all.map((token) => [valueOf(token), peerName(token.mailbox)]))
    const whose = new Map([ada, cat].flatMap((one) => held(one, bob).map((token) => [token, one])))
    const shown = asked.filter(({ token }) => token !== '')
    for (const { token, mailbox: at, by } of shown) {
      expect(where.get(token)).toBe(at)
      expect(whose.get(token)?.peer).toBe(by)
    }
    expect(new Set(shown.map(({ mailbox: at }) => at)).size).toBe(2)
    expect(held(ada, bob).filter((token) => held(cat, bob).includes(token))).toEqual([])
  })

  test('not to a stranger who writes, before the owner answers', async () => {
    await use(bob, mailbox)
    await ada.node.contacts.add(bob.peer, { name: 'bob' })
    await says(ada, bob, 'do you know me?')
    await clock.advance(2 * HOUR)
    expect(issued(bob, ada)).toEqual([])
    expect(held(ada, bob)).toEqual([])
    await says(bob, ada, 'now I do')
    await eventually(() => held(ada, bob).length === 1)
  })
})

describe('a block', () => {
  beforeEach(async () => {
    await withMailbox()
  })

  test('ends the token at once, and the old one is worth nothing', async () => {
    const cat = await person('cat')
    await introduce(bob, cat)
    await says(cat, bob, 'hello from cat')
    await says(bob, cat, 'hello cat')
    await eventually(() => held(cat, bob).length === 1)
    const slots = lanes()
    expect(slots).toHaveLength(2)
    await bob.node.contacts.block('ada')
    await eventually(() => lanes().length === 1)
    expect(lanes()).toEqual(issued(bob, cat).map(({ slot }) => slot))
    expect(issued(bob, ada)).toEqual([])
    // What ada shows now is a stranger's mail.
    const items: number[] = []
    const take = bob.core.inbox.fromMailbox.bind(bob.core.inbox)
    bob.core.inbox.fromMailbox = (from, envelopes, came) => {
      items.push(...(came ?? []))
      return take(from, envelopes, came)
    }
    world.network.part(ada.peer, bob.peer)
    const sent = await ada.node.conversation('bob').send('let me in')
    await eventually(async () => (await ada.node.messages.get(sent.id)).state === 'stored')
    await clock.advance(MINUTE)
    expect(new Set(items)).toEqual(new Set([0]))
  })

  test('nothing of theirs is shown, confirmed or kept, and nothing goes to them', async () => {
    world.network.part(ada.peer, bob.peer)
    const waiting = await bob.node.conversation('ada').send('too late')
    await bob.node.contacts.block('ada')
    expect((await bob.node.messages.get(waiting.id)).states.at(-1)).toMatchObject({
      ...{ state: 'failed', reason: 'blocked' },
    })
    expect(bob.node.contacts.get('ada')).toMatchObject({ state: 'blocked', queued: 0 })
    const notSent = bob.node.conversation('ada').send('no')
    await expect(notSent).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    await expect(bob.node.contacts.add(ada.peer)).rejects.toMatchObject({ code: 'NOT_ALLOWED' })
    const sent = await ada.node.conversation('bob').send('by mailbox')
    await eventually(async () => (await ada.node.messages.get(sent.id)).state === 'stored')
    world.network.join(ada.peer, bob.peer)
    const direct = await ada.node.conversation('bob').send('directly')
    await clock.advance(30 * MINUTE)
    expect((await ada.node.messages.get(direct.id)).state).not.toBe('delivered')
    expect((await ada.node.messages.get(sent.id)).state).toBe('stored')
    expect(await texts(bob, ada)).not.toContain('by mailbox')
    expect(await texts(bob, ada)).not.toContain('directly')
    await world.restart(bob)
    expect(bob.node.contacts.get('ada').state).toBe('blocked')
  })

  test('lets the rest of their mail through when it ends, with a new token', async () => {
    const [before] = issued(bob, ada).map(valueOf)
    await bob.node.contacts.block('ada')
    const direct = await ada.node.conversation('bob').send('patience')
    await clock.advance(5 * MINUTE)
    await bob.node.contacts.unblock('ada')
    expect(bob.node.contacts.get('ada').state).toBe('accepted')
    await eventually(() => held(ada, bob)[0] !== before)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
    await clock.advance(20 * MINUTE)
    await eventually(async () => (await ada.node.messages.get(direct.id)).state === 'delivered')
    expect(await texts(bob, ada)).toContain('patience')
    await says(bob, ada, 'and back')
  })

  test('of a stranger leaves a stranger when it ends', async () => {
    const cat = await person('cat')
    await cat.node.contacts.add(bob.peer, { name: 'bob' })
    await says(cat, bob, 'hey')
    await bob.node.contacts.block(cat.peer)
    await cat.node
      .conversation('bob')
      .send('hey!')
      .catch(() => undefined)
    await clock.advance(5 * MINUTE)
    expect(await texts(bob, cat)).toEqual(['hey'])
    await bob.node.contacts.unblock(cat.peer)
    expect(bob.node.contacts.get(cat.peer).state).toBe('requested')
    expect(issued(bob, cat)).toEqual([])
  })

  test('is told of', async () => {
    await bob.node.contacts.block('ada')
    await bob.node.contacts.block('ada')
    await bob.node.contacts.unblock('ada')
    await bob.node.contacts.unblock('ada')
    const types: string[] = []
    for await (const { type, seq } of bob.node.events({ from: 'start' })) {
      if (type.endsWith('blocked')) types.push(type)
      if (seq === bob.core.events.head) break
    }
    expect(types).toEqual(['contact.blocked', 'contact.unblocked'])
  })
})

describe('renewal', () => {
  beforeEach(async () => {
    await withMailbox()
  })

  test('keeps the slot, and the old token beside the new one for a day', async () => {
    const [before] = issued(bob, ada)
    await bob.node.rotateKeys()
    await eventually(() => held(ada, bob)[0] !== (before && valueOf(before)))
    const [after] = issued(bob, ada)
    expect(after?.slot).toBe(before?.slot)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
    expect(lanes()).toEqual([before?.slot, before?.slot])
    await clock.advance(23 * HOUR)
    expect(lanes()).toHaveLength(2)
    await clock.advance(3 * HOUR)
    expect(lanes()).toEqual([before?.slot])
  })

  test('comes by itself after a month, give or take', async () => {
    const [before] = issued(bob, ada).map(valueOf)
    const age = (issued(bob, ada)[0]?.renewAt ?? 0) - clock.now()
    expect(age).toBeGreaterThan(24 * DAY)
    expect(age).toBeLessThan(35 * DAY)
    // As if most of it had passed.
    await bob.core.book.byAccount(ada.account.key)?.step((draft) => {
      const tokens = draft.contact.tokens.map((one) => ({ ...one, renewAt: draft.now + 3 * HOUR }))
      draft.patch({ tokens })
    })
    await clock.advance(2 * HOUR)
    expect(issued(bob, ada).map(valueOf)).toEqual([before])
    await clock.advance(3 * HOUR)
    expect(issued(bob, ada).map(valueOf)).not.toEqual([before])
    await eventually(() => held(ada, bob)[0] === issued(bob, ada).map(valueOf)[0])
  })

  test('of a contact that cannot be told keeps what it knows', async () => {
    world.network.part(ada.peer, bob.peer)
    const known = held(ada, bob)
    world.kill(ada)
    await bob.node.rotateKeys()
    await bob.node.rotateKeys()
    await clock.advance(MINUTE)
    expect(lanes()).toHaveLength(2)
    expect(known).toEqual(
      issued(bob, ada).map(({ previous }) => previous && toHex(deliveryTokenBytes(previous.token))),
    )
  })
})

describe('nothing is lost', () => {
  test('a mailbox that has forgotten gets the list again', async () => {
    await withMailbox()
    puts.length = 0
    world.network.disconnect(bob.peer, peerOf(mailbox))
    await eventually(() => puts.length > 0)
    expect(lanes()).toEqual(issued(bob, ada).map(({ slot }) => slot))
  })

  test('a token that is lost does not stop mail, and is told again', async () => {
    await withMailbox()
    const wanted = held(ada, bob)
    await ada.core.book.byAccount(bob.account.key)?.step((draft) => {
      draft.patch({ theirTokens: { revision: 0, tokens: [] } })
    })
    expect(held(ada, bob)).toEqual([])
    await clock.advance(2 * DAY)
    world.network.part(ada.peer, bob.peer)
    await says(ada, bob, 'as a stranger')
    expect(deposits(ada).at(-1)?.token).toBe('')
    await use(ada, await world.mailbox())
    await clock.advance(10 * MINUTE)
    world.network.join(ada.peer, bob.peer)
    await eventually(() => held(ada, bob).length === 1)
    expect(held(ada, bob)).toEqual(wanted)
  })

  test('a contact that begins anew is told again', async () => {
    await withMailbox()
    await world.reinstall(ada)
    await ada.node.contacts.add(bob.peer, { name: 'bob' })
    await says(ada, bob, 'it is me')
    await eventually(() => held(ada, bob).length === 1)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
  })

  test('a mailbox that lies about slots loses nothing', async () => {
    await withMailbox()
    const cat = await person('cat')
    await introduce(bob, cat)
    await says(cat, bob, 'hello from cat')
    await says(bob, cat, 'hello cat')
    const [wrong] = issued(bob, cat)
    const take = bob.core.inbox.fromMailbox.bind(bob.core.inbox)
    let lies = 0
    bob.core.inbox.fromMailbox = (from, envelopes) => {
      const slots = [wrong?.slot ?? 1, 4_000_000_000, 0]
      return take(
        from,
        envelopes,
        envelopes.map(() => slots[lies++ % 3] ?? 0),
      )
    }
    world.network.part(ada.peer, bob.peer)
    for (let count = 0; count < 6; count++) await says(ada, bob, `true ${count}`)
    expect(lies).toBeGreaterThanOrEqual(6)
    expect((await texts(bob, cat)).filter((text) => text.startsWith('true'))).toEqual([])
  })
})

describe('a restart', () => {
  /** Bob's process ends when this request goes out. */
  async function killedAt(what: MailboxBodyName, after: boolean): Promise<void> {
    await introduce(ada, bob)
    await says(ada, bob, 'hello')
    await says(bob, ada, 'hello you')
    const { filter } = world.network
    let killed = false
    world.network.filter = (seen) => {
      const verdict = filter?.(seen) ?? 'deliver'
      if (killed || seen.protocol !== MAILBOX_PROTOCOL || seen.from !== bob.peer) return verdict
      if (decodeMailboxFrame(seen.frame).body.case !== what) return verdict
      killed = true
      world.kill(bob)
      return after ? 'deliver' : 'cut'
    }
    void bob.node.mailbox.use(mailbox.link).catch(() => undefined)
    await eventually(() => killed)
    await clock.advance(SECOND)
    await world.restart(bob)
  }

  test.each([
    ['before the mailbox has the list', false],
    ['after it, before the contact is told', true],
  ])('%s changes nothing in the end', async (_, after) => {
    await killedAt('putTokens', after)
    await eventually(() => held(ada, bob).length === 1)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
    expect(lanes()).toEqual(issued(bob, ada).map(({ slot }) => slot))
  })

  test('before anything is issued changes nothing in the end', async () => {
    await killedAt('putBundle', true)
    await eventually(() => held(ada, bob).length === 1)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
  })

  test('after the contact was told, before it has heard, changes nothing in the end', async () => {
    await introduce(ada, bob)
    await says(ada, bob, 'hello')
    await says(bob, ada, 'hello you')
    world.network.part(ada.peer, bob.peer)
    await use(bob, mailbox)
    await eventually(() => issued(bob, ada)[0]?.due === false)
    expect(held(ada, bob)).toEqual([])
    await world.restart(bob)
    world.network.join(ada.peer, bob.peer)
    await eventually(() => held(ada, bob).length === 1)
    expect(held(ada, bob)).toEqual(issued(bob, ada).map(valueOf))
  })

  test('leaves the tokens of both sides as they were', async () => {
    await withMailbox()
    const before = [issued(bob, ada).map(valueOf), held(ada, bob)]
    await world.restart(bob)
    await world.restart(ada)
    expect([issued(bob, ada).map(valueOf), held(ada, bob)]).toEqual(before)
    await clock.advance(10 * MINUTE)
    expect([issued(bob, ada).map(valueOf), held(ada, bob)]).toEqual(before)
  })
})
