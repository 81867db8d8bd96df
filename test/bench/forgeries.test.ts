import { beforeAll, expect, test } from 'vitest'
import { forgeriesOf } from '../../bench/flood/forgeries.ts'
import { newPerson, publish } from '../../bench/people.ts'
import { platformRandom } from '../../net/platform/random.ts'
import { toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { acceptSession } from '../../protocol/session.ts'

beforeAll(() => ready)

test('no session comes of a forgery on the stream of who forged it', () => {
  const they = newPerson()
  const { bundle, prekeys } = publish(they)
  const accept = (bytes: Uint8Array): ReturnType<typeof acceptSession> => {
    const envelope = readEnvelope(bytes)
    if (envelope.kind !== 'first') throw new Error('a forgery is no first message')
    const { device: ours, now } = they
    const bundleKnown = (): boolean => true
    return acceptSession({ ours, prekeys, envelope, bundleKnown, now, random: platformRandom })
  }
  const found = { account: they.account.key, bundle }
  const [identity, body, stranger] = [0, 1, 2].map((index) => {
    const forger = newPerson()
    return { forger, forge: forgeriesOf(forger, found, index) }
  })
  if (identity === undefined || body === undefined || stranger === undefined) throw new Error()

  for (const { forge } of [identity, body]) {
    expect(() => accept(forge())).toThrow('ERR_NOT_AUTHENTIC')
  }
  const accepted = accept(stranger.forge())
  expect(accepted.theirs.account).not.toEqual(stranger.forger.account.key)

  for (const { forge } of [identity, body, stranger]) {
    const sent = Array.from({ length: 20 }, () => toHex(forge()))
    expect(new Set(sent).size).toBe(20)
  }
})

test('forgeries name the prekeys of the bundle, whoever makes them', () => {
  const they = newPerson()
  const { bundle, prekeys } = publish(they)
  for (let index = 0; index < 6; index++) {
    const forge = forgeriesOf(newPerson(), { account: they.account.key, bundle }, index)
    expect(readEnvelope(forge())).toMatchObject({
      kind: 'first',
      signedPrekeyId: prekeys.signed.id,
      kemId: prekeys.kem.id,
      oneTime: false,
    })
  }
})
