import type { CliContext } from './context.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

/** `sotto contact unblock CONTACT` */
export async function run(context: CliContext, _: object, contact: string): Promise<void> {
  const { output } = context
  const found = await withNode(context, (node) => node.call('contact.unblock', { contact }))
  await output.result({ contact: found }, `${sanitizeLine(found.name)} is not blocked.`)
}
