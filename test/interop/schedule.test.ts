import { expect, test } from 'vitest'
import { hex, repeated } from './stranger/bytes.ts'
import { makeTag } from './stranger/envelope.ts'
import { handshakeKeys } from './stranger/handshake.ts'
import * as schedule from './stranger/schedule.ts'
import { sampleOutputs } from './support.ts'

const printed = sampleOutputs()

test('the sample outputs of the protocol page come from its formulas', () => {
  const secrets = [2, 3, 4, 5, 6].map((byte) => repeated(byte, 32))
  const keys = handshakeKeys(repeated(1, 64), secrets)
  const step = schedule.kdfRoot(keys.root, repeated(7, 32))
  const chain = schedule.kdfChain(step.chain)
  const epoch = schedule.expandEpoch(keys.epoch)
  const next = schedule.stepEpoch(epoch, 1, {
    secret: repeated(8, 32),
    sessionId: keys.sessionId,
    keyHash: schedule.kemKeyHash(1, repeated(9, 1184)),
    ciphertext: repeated(10, 1088),
  })
  const message = schedule.messageKeys(chain.message, epoch.direction[1], 0, 0)
  const salt = schedule.makeSalt(
    message.salt,
    repeated(11, 16),
    repeated(12, 44),
    repeated(13, 256),
  )
  const { tag } = schedule.headerKeys(keys.headerA)
  const computed = {
    SK: keys.root,
    HKA: keys.headerA,
    NHKB: keys.headerB,
    E_0: keys.epoch,
    SID: keys.sessionId,
    "RK'": step.root,
    CK: step.chain,
    NHK: step.header,
    "CK'": chain.chain,
    'mk of N = 0': chain.message,
    'epk(0,1)': epoch.direction[1],
    E_1: next,
    BK: message.body,
    salt,
    tag: makeTag(tag, repeated(11, 16), repeated(14, 32)),
  }
  const asText = Object.entries(computed).map(([name, bytes]) => [name, hex(bytes)])
  expect(Object.fromEntries(asText)).toEqual(printed)
})
