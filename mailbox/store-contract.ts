// The contract of `MailboxStore`, for every back end that wants to hold a mailbox. It brings no test framework.

import { ready } from '../protocol/crypto.ts'
import { History } from './contract/history.ts'
import { LIMITS } from './contract/people.ts'
import { LANE_RULES } from './contract/lane-rules.ts'
import { BUDGET_RULES } from './contract/budget-rules.ts'
import { INVITATION_RULES } from './contract/invitation-rules.ts'
import { MAIL_RULES } from './contract/mail-rules.ts'
import { MEMBER_RULES } from './contract/member-rules.ts'
import { UPKEEP_RULES } from './contract/upkeep-rules.ts'
import type { FrontEnd, StoreContractInit, StoreSubject } from './contract/subject.ts'

export type { FrontEnd, StoreContractInit, StoreSubject }

const RULES = [
  ...MEMBER_RULES,
  ...INVITATION_RULES,
  ...BUDGET_RULES,
  ...MAIL_RULES,
  ...LANE_RULES,
  ...UPKEEP_RULES,
]

/** Histories of one test. */
const BATCH = 10

/** Declares the tests. Each begins with a back end of its own. */
export function storeContract(init: StoreContractInit): void {
  const { test, factory, histories = 40 } = init
  for (const { name, run } of RULES) {
    test(name, async () => {
      await ready
      const subject = await factory(LIMITS)
      const fronts = await openAll(subject)
      await run(
        subject,
        fronts.map(({ store }) => store),
        fronts,
      )
      await subject.close()
    })
  }
  for (let first = 1; first <= histories; first += BATCH) {
    const last = Math.min(histories, first + BATCH - 1)
    test(`random histories ${first} to ${last}: what was told holds, whoever dies`, async () => {
      await ready
      for (let seed = first; seed <= last; seed++) await runHistory(factory, seed)
    })
  }
}

/** One history, which is the same for the same seed and back end. What fails names the seed. */
export async function runHistory(
  factory: StoreContractInit['factory'],
  seed: number,
): Promise<void> {
  const subject = await factory(LIMITS)
  try {
    await new History(subject, seed).run()
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new Error(`history ${seed}: ${why}`, { cause })
  }
  await subject.close()
}

async function openAll(subject: StoreSubject): Promise<readonly FrontEnd[]> {
  const fronts: FrontEnd[] = []
  while (fronts.length < subject.frontEnds) fronts.push(await subject.open())
  return fronts
}
