import type { MailboxTest } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { formatDuration } from './duration.ts'
import { EXIT } from './exit-codes.ts'
import { renderDone, renderFailure, shortPeer } from './render.ts'
import { withNode } from './with-node.ts'

const SERVES: Readonly<Record<MailboxTest['serves'], string>> = {
  current: 'gives strangers my bundle of now',
  other: 'gives strangers another bundle of mine, which is older',
  nothing: 'gives strangers nothing of me: who does not know me yet cannot begin there',
  unreachable: 'strangers cannot reach it by the address that others are told',
}

/** `sotto mailbox test`: whether each mailbox answers us, and those who want to write to us. Exit code 13 if one does not. */
export async function run(context: CliContext): Promise<number> {
  const { output } = context
  const { mailboxes } = await withNode(context, (node) =>
    node.call('mailbox.test', {}, { signal: context.signal }),
  )
  const lines = mailboxes.map((one) => {
    const { mailbox, roundTrip, serves } = one
    const mark = isWell(one) ? renderDone(output.style) : renderFailure(output.style)
    const answer = roundTrip === null ? 'no answer' : `answers in ${formatDuration(roundTrip)}`
    return `${mark} ${shortPeer(mailbox, output.style)}   ${answer}   ${SERVES[serves]}`
  })
  await output.result({ mailboxes }, lines.length === 0 ? 'no mailbox' : lines.join('\n'))
  return mailboxes.every(isWell) ? EXIT.ok : EXIT.checkFailed
}

function isWell({ roundTrip, serves }: MailboxTest): boolean {
  return roundTrip !== null && serves === 'current'
}
