// `sotto mailbox member suspend|resume|remove|wipe ID`.

import type { MemberView } from '../daemon/mailbox-types.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { renderDone } from './render.ts'
import { withMailbox } from './with-mailbox.ts'

export interface MemberEndFlags extends ConfigFlags {
  readonly yes: boolean
}

interface Change {
  readonly method: 'member.suspend' | 'member.resume' | 'member.remove' | 'member.wipe'
  /** Asked before what cannot be taken back. */
  readonly question?: string
  readonly done: (member: MemberView) => string
}

const CHANGES = {
  suspend: {
    method: 'member.suspend',
    done: ({ id }) => `member ${id} gets no new mail; what waits can be fetched`,
  },
  resume: { method: 'member.resume', done: ({ id }) => `member ${id} gets mail again` },
  remove: {
    method: 'member.remove',
    question: 'The membership ends, and all that waits is lost.',
    done: ({ id, messages }) => `member ${id} is none any more; ${messages} messages are gone`,
  },
  wipe: {
    method: 'member.wipe',
    question: 'All that waits for this member is lost, unread.',
    done: ({ id, messages }) => `${messages} messages for member ${id} are gone`,
  },
} as const satisfies Readonly<Record<string, Change>>

/** What `run` of each command is made of. */
export function memberChange(name: keyof typeof CHANGES) {
  const { method, done, ...rest }: Change = CHANGES[name]
  return async (
    context: CliContext,
    flags: ConfigFlags & Partial<MemberEndFlags>,
    id: string,
  ): Promise<void> => {
    const { output } = context
    if (rest.question !== undefined && flags.yes !== true) await confirm(context, rest.question, id)
    await withMailbox(context, flags, async (mailbox) => {
      const member = await mailbox.call(method, { id })
      await output.result({ member }, `${renderDone(output.style)} ${done(member)}`)
    })
  }
}

async function confirm(context: CliContext, question: string, id: string): Promise<void> {
  const answer = await context.input.ask(
    `${question} Go on with ${id}? [y/N] `,
    '--yes',
    context.signal,
  )
  if (/^y(es)?$/i.test(answer.trim())) return
  throw new SottoError('NOT_ALLOWED', 'nothing was done', { hint: 'say so with --yes' })
}
