import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { renderDone } from './render.ts'
import { withMailbox } from './with-mailbox.ts'

/** `sotto mailbox invite revoke ID`: nobody joins by it any more. */
export async function run(context: CliContext, flags: ConfigFlags, text: string): Promise<void> {
  const { output } = context
  if (!/^\d{1,9}$/.test(text)) {
    throw new SottoError('INVALID_ARGUMENT', 'the id of an invitation is a number', {
      hint: 'see: sotto mailbox invite list',
    })
  }
  await withMailbox(context, flags, async (mailbox) => {
    const { revoked } = await mailbox.call('invite.revoke', { id: Number(text) })
    await output.result(
      { revoked },
      `${renderDone(output.style)} invitation ${revoked} is revoked; who has joined by it stays`,
    )
  })
}
