import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { choosePassphrase, passphraseFromFile } from './passphrase.ts'
import { commandFor, homeOf, profileExists } from './profile.ts'
import { sanitizeLine } from './sanitize.ts'
import { writeSettings } from './settings.ts'
import type { NetworkFlags } from './settings.ts'

export interface InitFlags extends NetworkFlags {
  readonly name?: string | undefined
  readonly keys?: 'passphrase' | 'none' | undefined
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
  const passphrase = await newPassphrase(context, flags.keys)
  const { createProfile } = await context.library()
  const unlock = passphrase === '' ? {} : { unlock: async () => passphrase }
  const identity = await createProfile({ dir, name, ...unlock })
  await writeSettings(dir, flags)

  const keys = passphrase === '' ? 'none' : 'passphrase'
  const { peer, link } = identity
  await output.result(
    { name: identity.name, peer, link, home: dir, keys },
    [
      `You     ${sanitizeLine(identity.name)}  ${peer}`,
      `Keys    ${keys === 'none' ? 'not protected: whoever can read the folder is you' : 'passphrase'}`,
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

/** The empty string stands for keys without protection. */
async function newPassphrase(context: CliContext, keys: InitFlags['keys']): Promise<string> {
  if (keys === 'none') return ''
  const chosen = (await passphraseFromFile(context)) ?? (await choosePassphrase(context))
  if (chosen === '' && keys === 'passphrase') {
    throw new SottoError(
      'INVALID_ARGUMENT',
      '--keys passphrase needs a passphrase that is not empty',
    )
  }
  return chosen
}
