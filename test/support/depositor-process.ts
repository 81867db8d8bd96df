// A program of its own: leaves mail at a mailbox as fast as it goes, for many owners in turn, and answers with what was promised. Ends
// with its parent.
import { platformRandom as random } from '../../net/platform/random.ts'
import { accountKey } from '../../protocol/account.ts'
import { fromHex } from '../../protocol/bytes.ts'
import { ready } from '../../protocol/crypto.ts'
import { envelope } from '../mailbox/world.ts'
import { Caller, PATIENT, type Meeting } from './loaded-mailbox.ts'

/** Deposits on their way at a time. */
const LANES = 32

export interface DepositOrder {
  readonly meeting: Meeting
  /** Hexadecimal. */
  readonly owners: readonly string[]
  /** Begins the text of each. */
  readonly name: string
  readonly count: number
}

process.on('disconnect', () => process.exit())
process.once('message', (order: DepositOrder) => void leave(order))

async function leave({ meeting, owners, name, count }: DepositOrder): Promise<void> {
  await ready
  const caller = await Caller.start()
  const client = caller.client(meeting)
  const keys = owners.map((owner) => accountKey(fromHex(owner)))
  const promised: string[] = []
  let next = 0
  const lane = async (): Promise<void> => {
    for (let n = next++; n < count; n = next++) {
      const owner = keys[n % keys.length]
      if (owner === undefined) return
      const text = `${name} ${n}`
      const bytes = envelope(text, { length: 1024 })
      await client.deposit({ owner, depositId: random(16), envelope: bytes }, PATIENT)
      promised.push(text)
    }
  }
  await Promise.all(Array.from({ length: LANES }, lane))
  await client.close()
  process.send?.(promised)
}
