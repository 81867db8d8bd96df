import type { CliContext } from './context.ts'
import { renderQr } from './qr.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

export interface IdFlags {
  readonly link: boolean
  readonly qr: boolean
}

/** `sotto id`: what others need to write to me. */
export async function run(context: CliContext, flags: IdFlags): Promise<void> {
  const { output } = context
  const { name, peer, link } = await withNode(context, (node) => node.call('id.get', {}))
  const card = [`Name  ${sanitizeLine(name)}`, `Peer  ${peer}`, `Link  ${link}`].join('\n')
  const text = flags.link ? link : card
  const qr = flags.qr ? `\n\n${renderQr(link, output.style)}` : ''
  await output.result({ name, peer, link }, text + qr)
}
