import type { CliContext } from './context.ts'
import { renderDone } from './render.ts'
import { withNode } from './with-node.ts'

/** `sotto node rotate`: new prekeys now, as after a theft of the folder. */
export async function run(context: CliContext): Promise<void> {
  const { output } = context
  const bundle = await withNode(context, (node) => node.call('node.rotate', {}))
  await output.result(
    { bundle },
    `${renderDone(output.style)} new prekeys, in bundle ${bundle.sequence}`,
  )
  output.talk(
    'Who has a copy of the old ones can pose as others to you until they lapse, after 49 days.',
  )
}
