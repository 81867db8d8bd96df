import { describe, expect, test } from 'vitest'
import { fromHex, toHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { readEnvelope } from '../../protocol/envelope.ts'
import { SessionError } from '../../protocol/errors.ts'
import type { CallerItem, Session } from '../../protocol/session.ts'
import { openMessage, tagMatches } from '../../protocol/open-message.ts'
import { encryptMessage } from '../../protocol/session.ts'
import { decodeSession, encodeSession } from '../../protocol/session-codec.ts'
import { vectorFiles, vectorText } from '../make-vectors/index.ts'
import type { StepFields } from '../make-vectors/transcript.ts'
import { drawsOf, frozen, frozenFiles, frozenText } from '../support/frozen.ts'
import { there } from '../support/talkers.ts'

await ready

test('every file of vectors is made by the command, and no other is there', () => {
  expect(frozenFiles.toSorted()).toEqual(vectorFiles.toSorted())
})

// A change here is a change of bytes, which needs a new version of the protocol.
test.each(vectorFiles)('%s is made again byte for byte', (file) => {
  const made = vectorText(file)
  expect(made === vectorText(file), 'two runs give the same').toBe(true)
  expect(JSON.parse(made)).toEqual(JSON.parse(frozenText(file)))
  expect(made === frozenText(file)).toBe(true)
})

const conversations = frozen('ratchet.json').transcripts
const states = frozen('stored-sessions.json').transcripts.flatMap(({ name, states: all }) => {
  const { steps } = there(conversations.find((one) => one.name === name))
  return all.map((state) => ({ name, ...state, steps }))
})

describe('a stored session', () => {
  test.each(states)('of $side after step $afterStep of "$name" lives on', (state) => {
    const { side, afterStep, steps } = state
    const records = Object.values(state.records).map(fromHex)
    const stored = decodeSession(fromHex(state.session), records)
    expect(toHex(encodeSession(stored))).toBe(state.session)
    const rest = steps.slice(afterStep + 1).filter(({ by }) => by === side)
    rest.reduce((session, step) => replay(session, step, steps), stored)
  })
})

/** Does what the step says, in the session of its side, and expects what came of it. */
function replay(session: Session, step: StepFields, steps: readonly StepFields[]): Session {
  const { now } = step
  if (step.do === 'send') {
    const items = step.items.map(
      ({ kind, value }) => ({ kind, value: fromHex(value) }) as CallerItem,
    )
    const { offerSeed, salt } = step.random
    const message = { content: fromHex(step.content), items }
    const sent = encryptMessage(session, message, { now, random: drawsOf([offerSeed, salt]) })
    expect(toHex(sent.envelope)).toBe(step.envelope)
    return sent.next
  }
  const random = drawsOf([step.random?.ratchetPrivate, step.random?.kemRandomness])
  try {
    const envelope = readEnvelope(arriving(step, steps))
    if (tagMatches([session], envelope) === undefined) throw new SessionError('ERR_NO_SESSION')
    const opened = openMessage(session, envelope, { now, random })
    expect([step.outcome, toHex(opened.content)]).toEqual(['opened', step.content])
    return opened.next
  } catch (error) {
    if (!(error instanceof SessionError)) throw error
    expect(error.code).toBe(step.outcome)
    return session
  }
}

function arriving(step: StepFields & { readonly do: 'receive' }, steps: readonly StepFields[]) {
  const sent = there(steps[step.message])
  if (sent.do !== 'send') throw new Error('no message was sent in this step')
  const bytes = fromHex(sent.envelope)
  const { flip } = step
  if (flip !== undefined) bytes[flip >> 3] = there(bytes[flip >> 3]) ^ (1 << (flip & 7))
  return bytes
}
