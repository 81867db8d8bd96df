import type { ClockState } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { commandFor } from './profile.ts'
import { withNode } from './with-node.ts'

export interface NodeClockFlags {
  readonly confirm: boolean
}

/** What `status` and `node clock` say of it. */
export const CLOCK_WORDS: Readonly<Record<ClockState, string>> = {
  agreed: 'believed',
  off: 'not agreed on yet: the node was off for a while',
  back: 'has gone back by more than an hour: nothing is destroyed by it',
  ahead: 'has jumped ahead by more than an hour: nothing is destroyed by it',
}

/** `sotto node clock [--confirm]`: whether our clock is believed, and the user's word that it is right. */
export async function run(context: CliContext, { confirm }: NodeClockFlags): Promise<void> {
  const { output } = context
  const { clock } = await withNode(context, (node) => node.call('node.clock', { confirm }))
  await output.result({ clock }, `clock ${CLOCK_WORDS[clock]}`)
  if (clock === 'agreed' || output.json) return
  const command = commandFor(context.flags, 'node clock --confirm')
  output.talk(`A mailbox or two contacts settle it; or you, if the time is right: ${command}`)
}
