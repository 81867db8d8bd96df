import { decodeMailboxLink } from '../protocol/link.ts'
import { parseDuration, parseSize } from '../net/units.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { invitationWords } from './mailbox-words.ts'
import { commandFor } from './profile.ts'
import { withMailbox } from './with-mailbox.ts'

export interface InviteNewFlags extends ConfigFlags {
  readonly uses: string
  readonly expires: string
  readonly quota?: string | undefined
  readonly label?: string | undefined
}

/** `sotto mailbox invite new`: a link, shown this once. */
export async function run(context: CliContext, flags: InviteNewFlags): Promise<void> {
  const { output } = context
  const { label } = flags
  const params = {
    uses: flags.uses === 'any' ? null : usesOf(flags.uses),
    expiresIn: flags.expires === 'never' ? null : expiryOf(flags.expires),
    ...(flags.quota === undefined ? {} : { quota: { bytes: sizeOf('--quota', flags.quota) } }),
    ...(label === undefined || label === '' ? {} : { label }),
  }
  await withMailbox(context, flags, async (mailbox) => {
    const { invitation, link } = await mailbox.call('invite.new', params)
    await output.result({ invitation, link }, link)
    output.talk(`${invitationWords(invitation)}. The link is shown this once.`)
    if (decodeMailboxLink(link).addresses.length === 0) {
      output.talk(
        'It names no address, as the mailbox has never served: set host.public, or serve first.',
      )
    }
    output.hint(
      'sotto mailbox use LINK   on their side',
      `${commandFor(context.flags, `mailbox invite revoke ${invitation.id}`)}   take it back`,
    )
  })
}

/** Throws SottoError INVALID_ARGUMENT naming the flag. */
export function sizeOf(flag: string, text: string): number {
  const bytes = parseSize(text)
  if (bytes !== undefined && bytes > 0) return bytes
  throw new SottoError('INVALID_ARGUMENT', `${flag} is not a size`, {
    hint: 'write it as 200MiB or 2GiB',
  })
}

function usesOf(text: string): number {
  if (/^[1-9]\d{0,5}$/.test(text)) return Number(text)
  throw new SottoError('INVALID_ARGUMENT', '--uses is a number above 0, or any')
}

function expiryOf(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0) return ms
  throw new SottoError('INVALID_ARGUMENT', '--expires is not a duration', {
    hint: 'write it as 12h or 7d, or never',
  })
}
