import type { Caller } from '../daemon/caller.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { groupDigits, renderTrust } from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

export interface ContactVerifyFlags {
  readonly number?: string | undefined
}

/** `sotto contact verify NAME`: compare the safety number, by eye or with `--number`. */
export async function run(
  context: CliContext,
  flags: ContactVerifyFlags,
  contact: string,
): Promise<void> {
  await withNode(context, async (node) => {
    if (flags.number !== undefined) return confirm(context, node, contact, flags.number)
    const { contact: found, number } = await node.call('contact.safetyNumber', { contact })
    if (context.output.json) return context.output.result({ contact: found, number }, '')
    await showNumber(context, found.name, number)
    if (await saysSame(context)) return confirm(context, node, contact, number)
    throw new SottoError('SAFETY_NUMBER_MISMATCH', `${found.name} is not verified`, {
      hint: 'where the numbers differ, someone may be in the middle: ask over another way and exchange links again',
    })
  })
}

async function showNumber({ output }: CliContext, name: string, number: string): Promise<void> {
  const lines = groupDigits(number).map((line) => `   ${line}`)
  const title = `Safety number with ${sanitizeLine(name)}, compare by voice or in person:`
  await output.line([title, '', ...lines, ''].join('\n'))
}

async function saysSame({ input, signal }: CliContext): Promise<boolean> {
  const answer = await input.ask('Do both sides show the same? [y/N] ', '--number', signal)
  return /^y(es)?$/i.test(answer.trim())
}

async function confirm(
  { output }: CliContext,
  node: Caller,
  contact: string,
  value: string,
): Promise<void> {
  const verified = await node.call('contact.confirm', { contact, method: 'number', value })
  const day = (verified.verifiedAt ?? '').slice(0, 10)
  await output.result(
    { contact: verified },
    `${sanitizeLine(verified.name)} ${renderTrust(verified.trust, output.style)} (number, ${day})`,
  )
}
