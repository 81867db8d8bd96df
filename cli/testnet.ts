import { SottoError } from '../node/errors.ts'
import { testnetUp } from '../testnet/up.ts'
import type { CliContext } from './context.ts'
import { homeOf } from './profile.ts'

export interface TestnetUpFlags {
  readonly nodes: number
  readonly mailboxes: number
}

/** Processes on one machine; more belong on several. */
const MAX_NODES = 200
const MAX_MAILBOXES = 20

/** `sotto testnet up`: nodes and mailboxes as processes on loopback, until a signal. */
export async function run(context: CliContext, flags: TestnetUpFlags): Promise<number> {
  const nodes = within('--nodes', flags.nodes, 1, MAX_NODES)
  const mailboxes = within('--mailboxes', flags.mailboxes, 0, MAX_MAILBOXES)
  const { output, interrupted, entry, flags: common } = context
  const home = common.home === undefined ? {} : { dir: homeOf(common) }
  return testnetUp({ ...home, nodes, mailboxes, output, entry, signal: interrupted })
}

function within(flag: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value
  throw new SottoError('INVALID_ARGUMENT', `${flag} is a whole number from ${min} to ${max}`)
}
