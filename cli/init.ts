import { SottoError } from '../node/errors.ts'
import type { KeyProtection } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { chooseKeys, KEY_WORDS, protectionBy } from './key-choice.ts'
import { commandFor, homeOf, profileExists } from './profile.ts'
import { sanitizeLine } from './sanitize.ts'
import { writeSettings } from './settings.ts'
import type { NetworkFlags } from './settings.ts'

export interface InitFlags extends NetworkFlags {
  readonly name?: string | undefined
  readonly keys?: KeyProtection | undefined
}

/** `sotto init`: makes an identity and its store. Nothing is sent anywhere. */
export async function run(context: CliContext, flags: InitFlags): Promise<void> {
  const { output } = context
  const dir = homeOf(context.flags)
  if (await profileExists(dir)) {
    throw new SottoError('PROFILE_EXISTS', `there is an identity in ${dir} already`, {
      hint: `see it: ${commandFor(context.flags, 'id')}`,
    })
  }
  const name = flags.name ?? (await askName(context))
  const chosen = await chooseKeys(context, flags.keys)
  const { createProfile } = await context.library()
  const identity = await createProfile({ dir, name, ...chosen })
  await writeSettings(dir, flags)

  const keys = protectionBy(chosen)
  const { peer, link } = identity
  await output.result(
    { name: identity.name, peer, link, home: dir, keys },
    [
      `You     ${sanitizeLine(identity.name)}  ${peer}`,
      `Keys    ${KEY_WORDS[keys]}`,
      `Folder  ${dir}`,
    ].join('\n'),
  )
  output.hint(
    `${commandFor(context.flags, 'id --qr')}       show others how to reach you`,
    `${commandFor(context.flags, 'up --detach')}   keep the node running in the background`,
  )
}

async function askName(context: CliContext): Promise<string> {
  const answer = await context.input.ask(
    'Your name, as contacts will see it: ',
    '--name',
    context.signal,
  )
  return answer.trim()
}
