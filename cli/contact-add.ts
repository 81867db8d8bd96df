import type { CliContext } from './context.ts'
import { commandFor } from './profile.ts'
import { readLink } from './link-argument.ts'
import { renderDone, renderTrust } from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

export interface ContactAddFlags {
  readonly name?: string | undefined
}

/** `sotto contact add LINK|-`: from now on messages to and from this account have a name. */
export async function run(
  context: CliContext,
  flags: ContactAddFlags,
  argument: string,
): Promise<void> {
  const { output } = context
  const link = await readLink(context, argument)
  const name = flags.name === undefined ? {} : { name: flags.name }
  const contact = await withNode(context, (node) =>
    node.call('contact.add', { link, ...name }, { signal: context.signal }),
  )
  const shown = sanitizeLine(contact.name, 64)
  const trust = renderTrust(contact.trust, output.style)
  await output.result(
    { contact },
    `${renderDone(output.style)} ${shown} added   ${trust}   path: ${contact.path}`,
  )
  output.hint(
    commandFor(context.flags, `send ${shown} "hello"`),
    `${commandFor(context.flags, `contact verify ${shown}`)}   compare safety numbers`,
  )
}
