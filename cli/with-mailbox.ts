// How an operator's command gets at a mailbox: the one that serves for its folder, else the folder itself.

import { stat } from 'node:fs/promises'
import { connectMailbox, FolderCaller } from '../daemon/mailbox-caller.ts'
import type { MailboxCaller, MailboxClient } from '../daemon/mailbox-caller.ts'
import { MAILBOX_API_VERSION } from '../daemon/mailbox-types.ts'
import { findSocket } from '../daemon/socket-path.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { loadConfig } from './mailbox-config.ts'
import type { ConfigFlags, LoadedConfig } from './mailbox-config.ts'
import { handsOfFolder } from './mailbox-hands.ts'
import { readPassphrase } from './passphrase.ts'
import { commandFor, profileExists } from './profile.ts'
import { sleep } from './sleep.ts'
import { lockedBy } from './with-node.ts'

/** A folder that is locked while its socket is silent belongs to a mailbox that starts, or to another short command. */
const LOCKED_TRIES = 50
const LOCKED_PAUSE_MS = 100

/** Runs `use` with the methods of a mailbox and lets go of it afterwards, also when `use` fails. */
export async function withMailbox<T>(
  context: CliContext,
  flags: ConfigFlags,
  use: (mailbox: MailboxCaller, loaded: LoadedConfig) => Promise<T>,
): Promise<T> {
  const loaded = await loadConfig(context, flags)
  const mailbox = await open(context, loaded)
  try {
    return await use(mailbox, loaded)
  } finally {
    await mailbox.close()
  }
}

/** The mailbox that serves for a folder; undefined when none does. Throws SottoError NODE_STOPPED when something else does. */
export async function findMailbox(dir: string): Promise<MailboxClient | undefined> {
  const mailbox = await connectMailbox(await findSocket(dir))
  if (mailbox === undefined) return undefined
  const { kind, api, version } = await mailbox.call('meta.hello', {})
  if (kind === 'mailbox' && major(api) === major(MAILBOX_API_VERSION)) return mailbox
  await mailbox.close()
  const what = kind === 'mailbox' ? `sotto ${version}, too different` : 'a chat node'
  throw new SottoError('NODE_STOPPED', `what serves in ${dir} is ${what}`, {
    hint: 'name the folder of a mailbox with --home, or restart it with this version',
  })
}

async function open(context: CliContext, loaded: LoadedConfig): Promise<MailboxCaller> {
  const { dir } = loaded
  const { via } = context.flags
  for (let attempt = 0; ; attempt++) {
    const mailbox = via === 'embedded' ? undefined : await findMailbox(dir)
    if (mailbox !== undefined) return mailbox
    if (via === 'daemon') throw new SottoError('NODE_STOPPED', `no mailbox serves for ${dir}`)
    if (!(await profileExists(dir))) throw noMailbox(context, dir)
    await refuseRoot(dir)
    try {
      return await openFolder(context, loaded)
    } catch (error) {
      if (!SottoError.is(error, 'STORE_LOCKED')) throw error
      if (attempt >= LOCKED_TRIES || via === 'embedded') throw await lockedBy(dir, error)
    }
    await sleep(LOCKED_PAUSE_MS, context.signal)
  }
}

/** There is nothing in the folder. */
export function noMailbox(context: CliContext, dir: string): SottoError {
  return new SottoError('PROFILE_NOT_FOUND', `there is no mailbox in ${dir}`, {
    hint: `create one: ${commandFor(context.flags, 'mailbox init')}`,
  })
}

/** Root may write everywhere, and the user whose folder it is could not open what root has written. */
async function refuseRoot(dir: string): Promise<void> {
  const { uid } = await stat(dir)
  if (process.getuid?.() !== 0 || uid === 0) return
  throw new SottoError(
    'INVALID_ARGUMENT',
    `no mailbox serves for ${dir}, and the folder belongs to the user with the id ${uid}`,
    { hint: `start the mailbox first, or become that user: setpriv --reuid=${uid} --clear-groups` },
  )
}

async function openFolder(context: CliContext, loaded: LoadedConfig): Promise<FolderCaller> {
  const { openMailbox } = await import('../mailbox/index.ts')
  const { networkOf, rulesOf } = await import('../mailbox/config/apply.ts')
  const { homeProblem } = await import('../node/home-problem.ts')
  const { HomeError } = await import('../net/platform/home-error.ts')
  try {
    const folder = await openMailbox({
      dir: loaded.dir,
      ...rulesOf(loaded.config),
      address: networkOf(loaded.config).announce?.[0],
      unlock: () => readPassphrase(context),
      keyFile: context.flags.keyFile,
    })
    return new FolderCaller(handsOfFolder(folder, loaded, context.version), () => folder.close())
  } catch (cause) {
    if (cause instanceof HomeError) homeProblem(cause)
    throw cause
  }
}

function major(version: string): string {
  return version.split('.', 1)[0] ?? ''
}
