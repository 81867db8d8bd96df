// Two mailboxes with one identity lose mail and give one-time pairs away twice. A restored or copied folder must not start beside the
// one that it comes from, as far as that can be known: on this computer, and at the addresses that it announces.

import { MAX_MAILBOX_FRAME_BYTES } from '../net/mailbox-messages.ts'
import { MAILBOX_PROTOCOL } from '../net/names.ts'
import { peerName } from '../net/peer-name.ts'
import { systemClock } from '../net/platform/clock.ts'
import { HomeError } from '../net/platform/home-error.ts'
import { holdAccount } from '../net/platform/lease.ts'
import { platformRandom } from '../net/platform/random.ts'
import { throwAwayWires } from '../net/platform/throw-away.ts'
import type { Home } from '../net/platform/home.ts'
import type { Lease } from '../net/platform/lease.ts'

/** Who is there answers by then; who is not must not hold up a start. */
const ANSWER_MS = 3000

const NONE: Lease = { release: () => Promise.resolve() }

/** Throws `HomeError` ERR_ELSEWHERE when another copy answers. A mailbox in memory has no copies. */
export async function beTheOnlyOne(
  { account, dir }: Home,
  { announce = [] }: { readonly announce?: readonly string[] },
): Promise<Lease> {
  if (dir === undefined) return NONE
  const lease = await holdAccount(account.key, dir)
  try {
    if (announce.length > 0 && (await answers(account.key, announce))) {
      throw new HomeError('ERR_ELSEWHERE', { dir: announce.join(', ') })
    }
    return lease
  } catch (cause) {
    await lease.release()
    throw cause
  }
}

/** Whether a mailbox with this identity is at these addresses, before we are. */
async function answers(
  account: Home['account']['key'],
  addresses: readonly string[],
): Promise<boolean> {
  const wire = await throwAwayWires({ clock: systemClock, random: platformRandom }).make()
  const signal = AbortSignal.timeout(ANSWER_MS)
  const options = { addresses, maxFrameBytes: MAX_MAILBOX_FRAME_BYTES, signal }
  try {
    const channel = await wire.open(peerName(account), MAILBOX_PROTOCOL, options)
    channel.abort(new Error('only asked whether somebody is there'))
    return true
  } catch {
    return false // nobody, or somebody else
  } finally {
    await wire.stop()
  }
}
