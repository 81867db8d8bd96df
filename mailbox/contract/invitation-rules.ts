// Invitations, and who comes in by them.

import { assert, equal, refusalOf } from './assert.ts'
import { hashOfToken, LIMITS, NOW, owner } from './people.ts'
import { A, at, B } from './rule.ts'
import type { Admission, Invitation, MailboxStore, NewInvitation } from '../store.ts'
import type { Rule } from './rule.ts'

/** By the secret of this name. */
function invitation(name: string, more: Partial<NewInvitation> = {}): NewInvitation {
  const nothing = { uses: undefined, expiresAt: undefined, quota: undefined }
  return { label: name, hash: hashOfToken(name), ...nothing, ...more }
}

function by(name: string, now = NOW): Admission {
  return { hash: hashOfToken(name), now }
}

async function find(store: MailboxStore, id: number): Promise<Invitation | undefined> {
  return (await store.invitations()).find((one) => one.id === id)
}

/** As many are kept as there must be room for; no store needs to keep more. */
const ROOM = 256

export const INVITATION_RULES: readonly Rule[] = [
  {
    name: 'an invitation is kept as it was made, until it is revoked',
    run: async (subject, stores, fronts) => {
      const quota = { bytes: 70, messages: 7 }
      const given = invitation('friends', { uses: 3, expiresAt: NOW + 5, quota })
      const made = await at(stores).invite(given, NOW)
      const other = await at(stores, 1).invite(invitation('others'), NOW)
      assert(made.id !== other.id, 'ids differ')
      for (const front of fronts) await front.crash()
      const { store } = await subject.open()
      const listed = await store.invitations()
      const shown = ({ id, label, uses, used, expiresAt, quota: own, hash }: Invitation) => {
        return [id, label, uses ?? 0, used, expiresAt ?? 0, own ?? 0, [...hash]]
      }
      equal(
        listed.map(shown),
        [
          [made.id, 'friends', 3, 0, NOW + 5, quota, [...hashOfToken('friends')]],
          [other.id, 'others', 0, 0, 0, 0, [...hashOfToken('others')]],
        ],
        'invitations',
      )
      equal(await store.revoke(made.id), true, 'revoked')
      equal(await store.revoke(made.id), false, 'again')
      equal((await store.invitations()).length, 1, 'invitations left')
      assert((await store.invite(invitation('more'), NOW)).id > other.id, 'ids do not come again')
    },
  },
  {
    name: 'only an invitation that is open lets in, and gives its label and quota',
    run: async (_, stores) => {
      const [store, to] = [at(stores), owner(A)]
      const quota = { bytes: 70, messages: 7 }
      await store.invite(invitation('open', { quota }), NOW)
      await store.invite(invitation('late', { expiresAt: NOW }), NOW)
      const { id } = await store.invite(invitation('revoked'), NOW)
      await store.revoke(id)
      for (const name of ['late', 'revoked', 'unknown']) {
        equal(await refusalOf(store.join(to, by(name))), 'joinRefused', name)
      }
      equal(await store.member(to), undefined, 'the member')
      await store.join(to, by('open'))
      const member = await at(stores, 1).member(to)
      equal([member?.label, member?.quota, member?.status], ['open', quota, 'active'], 'policy')
      equal(await refusalOf(store.join(to, by('unknown'))), undefined, 'a member already')
      await store.join(owner(B))
      equal((await store.member(owner(B)))?.label, '', 'the label of who was not invited')
    },
  },
  {
    name: 'by an invitation come in as many as it says, however many come at once',
    run: async (_, stores) => {
      const { id } = await at(stores).invite(invitation('two', { uses: 2 }), NOW)
      const comers = Array.from({ length: 8 }, (__, n) => owner(n % 4))
      const asked = comers.map((account, n) => refusalOf(at(stores, n).join(account, by('two'))))
      await Promise.all(asked)
      equal((await at(stores).members(10)).length, 2, 'members listed')
      equal((await at(stores).statistics()).members, 2, 'members counted')
      equal((await find(at(stores, 1), id))?.used, 2, 'uses')
      equal(await refusalOf(at(stores).join(owner(9), by('two'))), 'joinRefused', 'one more')
    },
  },
  {
    name: 'who finds no room has not used the invitation',
    run: async (_, stores) => {
      const store = at(stores)
      const { id } = await store.invite(invitation('all'), NOW)
      for (let n = 0; n < LIMITS.members; n++) await store.join(owner(n), by('all'))
      equal(await refusalOf(store.join(owner(9), by('all'))), 'quota', 'no room')
      equal((await find(store, id))?.used, LIMITS.members, 'uses')
    },
  },
  {
    name: 'a use is counted exactly when somebody has joined, whenever the process dies',
    run: async (subject, stores, fronts) => {
      const { id } = await at(stores).invite(invitation('many'), NOW)
      for (const front of fronts) await front.crash()
      for (let write = 1; write <= 8; write++) {
        const account = owner(write % 4)
        const front = await subject.open()
        if (await front.store.remove(account)) {
          const used = (await find(front.store, id))?.used
          assert(used !== undefined, 'the invitation is there')
        }
        const before = (await find(front.store, id))?.used ?? 0
        front.dieAt(1 + (write % 4), write > 4)
        await front.store.join(account, by('many')).catch(() => undefined)
        await front.crash()
        const after = await subject.open()
        await after.store.expire(NOW - 1) // whoever comes next finishes what was on its way
        const joined = (await after.store.member(account)) !== undefined
        equal((await find(after.store, id))?.used, before + (joined ? 1 : 0), `uses at ${write}`)
        await after.store.join(account, by('many'))
        equal((await find(after.store, id))?.used, before + 1, `uses after ${write}`)
        await after.crash()
      }
    },
  },
  {
    name: 'there is room for so many invitations, and those that are spent make room',
    run: async (_, stores) => {
      const store = at(stores)
      for (let n = 0; n < ROOM; n++) {
        await store.invite(invitation(`n ${n}`, n === 7 ? { expiresAt: NOW + 5 } : {}), NOW)
      }
      equal(await refusalOf(store.invite(invitation('more'), NOW)), 'quota', 'full')
      await store.invite(invitation('more'), NOW + 5)
      equal((await store.invitations()).length, ROOM, 'invitations')
      equal(await refusalOf(store.invite(invitation('again'), NOW + 5)), 'quota', 'full again')
    },
  },
  {
    name: 'whoever is not let in costs as many reads, whatever is wrong',
    run: async (_, stores, fronts) => {
      const store = at(stores)
      const spent = await store.invite(invitation('spent', { uses: 1 }), NOW)
      await store.invite(invitation('late', { expiresAt: NOW }), NOW)
      await store.join(owner(B), by('spent'))
      equal((await find(store, spent.id))?.used, 1, 'uses')
      const costs: number[] = []
      for (const name of ['spent', 'late', 'unknown']) {
        const before = at(fronts).reads()
        equal(await refusalOf(store.join(owner(A), by(name))), 'joinRefused', name)
        costs.push(at(fronts).reads() - before)
      }
      equal(
        costs,
        costs.map(() => costs[0]),
        'reads',
      )
    },
  },
]
