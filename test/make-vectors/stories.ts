/** The conversations of `ratchet.json`, and what the two sides had in their stores on the way. */
import { concat, u32, u64 } from '../../protocol/bytes.ts'
import { itemKinds } from '../../protocol/padding.ts'
import type { CallerItem } from '../../protocol/session.ts'
import type { HandshakeName } from './handshake.ts'
import { DAY, HOUR, NOW } from './people.ts'
import { Transcript } from './transcript.ts'

/** The file `ratchet.json`. */
export function ratchetVectors() {
  return { transcripts: stories().map(({ head, transcript: { steps } }) => ({ ...head, steps })) }
}

/** The file `stored-sessions.json`. */
export function storedVectors() {
  const whole = stories().filter(({ transcript }) => !transcript.isBrief)
  return {
    transcripts: whole.map(({ head, transcript }) => ({ ...head, states: transcript.stored })),
  }
}

type Story = (transcript: Transcript) => void

const STORIES: Readonly<
  Record<
    string,
    { readonly handshake: HandshakeName; readonly story: Story; readonly isBrief?: true }
  >
> = {
  'skipped messages': { handshake: 'one-time', story: skipped },
  epochs: { handshake: 'last-resort', story: epochs },
  'a long chat': { handshake: 'one-time', story: longChat, isBrief: true },
}

function stories() {
  return Object.entries(STORIES).map(([name, { handshake, story, isBrief = false }]) => {
    const transcript = new Transcript(name, handshake, { isBrief })
    story(transcript)
    return { head: { name, handshake }, transcript }
  })
}

/** Made up: a session hands statements and proofs on without looking at them. */
const STATEMENT: CallerItem = {
  kind: itemKinds.statement,
  value: concat(u64(NOW + 9), u64(NOW + 7), new Uint8Array(16).fill(0x5a)),
}
const PROOFS: readonly CallerItem[] = [1, 2].map((byte) => ({
  kind: itemKinds.continuity,
  value: concat(u32(byte), new Uint8Array(32).fill(byte)),
}))

/** Messages that come late, twice, changed, or never, over five chains. */
function skipped(t: Transcript): void {
  const first = [
    t.send('A', 'zero', PROOFS),
    t.send('A', 'one', PROOFS),
    t.send('A', 'two', PROOFS),
  ]
  t.receive('B', at(first, 2))
  t.receive('B', at(first, 0))
  t.receive('B', at(first, 0))
  const answers = [t.send('B', 'three', [STATEMENT]), t.send('B', 'four', [STATEMENT])]
  t.now += 1000
  t.receive('A', at(answers, 1), 8 * 40)
  t.receive('A', at(answers, 1))
  t.receive('A', at(answers, 0))
  const second = [t.send('A', 'five'), t.send('A', ''), t.send('A', 'x'.repeat(700))]
  t.receive('B', at(second, 2))
  t.receive('B', at(first, 1)) // its chain is retired
  t.receive('B', at(first, 1))
  t.receive('B', at(second, 0))
  const lost = t.send('B', 'nine')
  t.now += 1000
  const third = [t.send('B', 'ten'), t.send('A', 'eleven')]
  t.receive('A', at(third, 0))
  t.receive('B', at(third, 1))
  const last = t.send('A', 'twelve')
  t.receive('B', last)
  t.receive('B', at(second, 1)) // two chains later
  t.receive('A', lost)
  t.receive('A', lost)
  t.receive('A', t.send('B', 'thirteen'))
}

/** Three epochs, the parts of each of them lost once, and messages late at the border of two. */
function epochs(t: Transcript): void {
  t.receive('B', t.send('A', 'hello'))
  const lostOffer = t.send('B', 'offers 1')
  t.receive('A', t.send('B', 'offers it again'))
  const border = t.send('B', 'of epoch 0')
  t.send('A', 'answers, and is lost')
  t.now += HOUR
  t.receive('B', t.send('A', 'answers again'))
  const inOne = [t.send('B', 'of epoch 1'), t.send('B', 'of epoch 1 too'), t.send('B', 'moves')]
  t.receive('A', at(inOne, 2)) // the gap before it has two keys for each position
  t.receive('A', border)
  t.receive('A', at(inOne, 0))
  t.receive('A', lostOffer) // its offer is late by now
  t.receive('B', t.send('A', 'moves too'))

  t.now += DAY
  const offer = t.send('A', 'offers 2, after a day')
  t.receive('B', offer)
  const answer = t.send('B', 'answers')
  const again = t.send('B', 'answers again')
  t.receive('A', again)
  t.receive('A', answer)
  t.receive('B', t.send('A', 'moves B'))
  t.receive('A', t.send('B', 'moves A'))

  t.now += DAY
  t.receive('B', t.send('A', 'not its turn'))
  t.receive('A', t.send('B', 'offers 3'))
  t.receive('B', t.send('A', 'answers'))
  t.receive('A', at(inOne, 1)) // two epochs late
  t.receive('A', t.send('B', 'of epoch 3'))
  t.receive('B', t.send('A', 'of epoch 3 too'))
}

/** Bursts with losses until an epoch comes by the number of messages, not by time. */
function longChat(t: Transcript): void {
  for (let i = 0; i < 112; i += 1) {
    const [from, to] = i % 16 < 11 ? (['A', 'B'] as const) : (['B', 'A'] as const)
    const message = t.send(from, `message ${i}`)
    t.now += 60_000
    if (i % 7 !== 3) t.receive(to, message)
  }
}

function at(steps: readonly number[], index: number): number {
  const step = steps[index]
  if (step === undefined) throw new Error('vectors: no such step')
  return step
}
