// `sotto mailbox policy show` and `sotto mailbox quota show`.

import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { sectionTable } from './mailbox-words.ts'
import { withMailbox } from './with-mailbox.ts'

/** What `run` of each command is made of. */
export function sectionShow(section: 'policy' | 'quota') {
  return async (context: CliContext, flags: ConfigFlags): Promise<void> => {
    await withMailbox(context, flags, async (mailbox) => {
      const view = await mailbox.call('config.show', {})
      const values = Object.fromEntries(
        Object.entries(view.values).filter(([path]) => path.startsWith(`${section}.`)),
      )
      await context.output.result({ file: view.file, values }, sectionTable(view, section))
    })
  }
}
