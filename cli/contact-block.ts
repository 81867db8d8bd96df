import type { CliContext } from './context.ts'
import { commandFor } from './profile.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

/** `sotto contact block CONTACT` */
export async function run(context: CliContext, _: object, contact: string): Promise<void> {
  const { output, flags } = context
  const blocked = await withNode(context, (node) => node.call('contact.block', { contact }))
  const name = sanitizeLine(blocked.name)
  const undo = commandFor(flags, `contact unblock ${name}`)
  await output.result({ contact: blocked }, `${name} is blocked. To let them in again: ${undo}`)
}
