import { planFor } from '../mailbox/plan.ts'
import { parseDuration, parseSize } from '../net/units.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { renderBytes } from './render.ts'

export interface MailboxPlanFlags {
  readonly members: number
  readonly messagesPerDay: number
  readonly avg: string
  readonly offline: string
  readonly away: string
}

const DAY_MS = 86_400_000

/** `sotto mailbox plan`: what a mailbox for so many people will want. */
export async function run({ output }: CliContext, flags: MailboxPlanFlags): Promise<void> {
  const { members, messagesPerDay } = flags
  const plan = planFor({
    members: natural('--members', members),
    messagesPerDay: natural('--messages-per-day', messagesPerDay),
    averageBytes: parseSize(flags.avg) ?? refuse('--avg', 'a size such as 2KiB'),
    offline: share(flags.offline),
    days: (parseDuration(flags.away) ?? refuse('--away', 'a duration such as 1d')) / DAY_MS,
  })
  const { memoryBytes, connections, waiting, diskBytes, depositsPerSecond } = plan
  const text = [
    `memory      ${renderBytes(memoryBytes)}, with ${connections} members connected`,
    `disk        ${renderBytes(diskBytes)}, with ${waiting} messages waiting`,
    `deposits    ${depositsPerSecond.toFixed(2)} a second at the busiest`,
  ].join('\n')
  await output.result(plan, text)
}

function natural(flag: string, value: number): number {
  return Number.isSafeInteger(value) && value >= 0 ? value : refuse(flag, 'a whole number')
}

/** `30%`, from 0 to 1. */
function share(text: string): number {
  const [, digits] = /^(\d{1,3})%$/.exec(text) ?? []
  const percent = Number(digits ?? -1)
  return percent >= 0 && percent <= 100 ? percent / 100 : refuse('--offline', 'a share such as 30%')
}

function refuse(flag: string, wanted: string): never {
  throw new SottoError('INVALID_ARGUMENT', `${flag} must be ${wanted}`)
}
