import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { ConfigError, readConfig } from '../mailbox/config/read.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { configPath, invalidConfig } from './mailbox-config.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { choosePassphrase, passphraseFromFile } from './passphrase.ts'
import { commandFor, mailboxHomeOf, profileExists } from './profile.ts'

export interface MailboxInitFlags extends ConfigFlags {
  readonly public?: string | undefined
  readonly join?: 'invite' | 'allow-list' | 'open' | undefined
  readonly diskBudget?: string | undefined
  readonly keys?: 'passphrase' | 'none' | undefined
  readonly yes: boolean
  readonly printConfig: boolean
}

interface Answers {
  readonly publicName: string
  readonly join: string
  readonly diskBudget: string
}

/** `sotto mailbox init`: a folder with keys and a configuration. Nothing is served yet. */
export async function run(context: CliContext, flags: MailboxInitFlags): Promise<void> {
  const { output } = context
  const { path, dir } = placesOf(context, flags)
  if (!flags.printConfig && (await profileExists(dir))) {
    throw new SottoError('PROFILE_EXISTS', `there is a mailbox or an identity in ${dir} already`, {
      hint: `see it: ${commandFor(context.flags, 'mailbox status')}`,
    })
  }
  const text = configText(await answersOf(context, flags), dirname(path) === dir ? '' : dir)
  mustBeRight(path, text)
  if (flags.printConfig) return await output.result({ config: text }, text.trimEnd())
  const peer = await create(context, dir, flags.keys)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(path, text, { mode: 0o600, flag: 'wx' }).catch((cause: unknown) => {
    if (!(cause instanceof Error && 'code' in cause && cause.code === 'EEXIST')) throw cause
    output.talk(`${path} was there already, and stays as it is`)
  })
  await output.result(
    { peer, home: dir, config: path },
    `Mailbox  ${peer}\nFolder   ${dir}\nConfig   ${path}`,
  )
  output.hint(
    `${commandFor(context.flags, 'mailbox check')}   whether everything is right`,
    `${commandFor(context.flags, 'mailbox serve')}   serve`,
  )
}

/** Each question has a flag; --yes takes what is proposed. */
async function answersOf(context: CliContext, flags: MailboxInitFlags): Promise<Answers> {
  const ask = async (
    given: string | undefined,
    question: string,
    proposed: string,
    flag: string,
  ) => {
    if (given !== undefined) return given
    if (flags.yes || flags.printConfig) return proposed
    const shown = `${question} [${proposed === '' ? 'none' : proposed}]: `
    const answer = await context.input.ask(shown, `${flag}, or --yes`, context.signal)
    return answer.trim() === '' ? proposed : answer.trim()
  }
  return {
    publicName: await ask(flags.public, 'DNS name under which it is reached', '', '--public'),
    join: await ask(flags.join, 'Who may join: invite, allow-list or open', 'invite', '--join'),
    diskBudget: await ask(
      flags.diskBudget,
      'Most that all mail may fill',
      '20GiB',
      '--disk-budget',
    ),
  }
}

/** A file that stands elsewhere says where the folder is. */
function placesOf(
  context: CliContext,
  flags: ConfigFlags,
): { readonly path: string; readonly dir: string } {
  const dir = resolve(mailboxHomeOf(context.flags))
  return { dir, path: configPath(context, flags).path }
}

function configText({ publicName, join, diskBudget }: Answers, data: string): string {
  return `# Every key, its default and whether a running mailbox takes a new value: docs/configuration.md

[host]${data === '' ? '' : `\ndata = ${JSON.stringify(data)}`}
# DNS name under which others reach this computer; empty: its addresses.
public = ${JSON.stringify(publicName)}

[policy]
# "invite", "allow-list" (with members = [...]) or "open"
join = ${JSON.stringify(join)}

[quota]
per_member_bytes = "50MiB"
# All mail together. Nothing new is taken from 90 % on, and nothing is ever dropped for it.
disk_budget = ${JSON.stringify(diskBudget)}
`
}

function mustBeRight(path: string, text: string): void {
  try {
    readConfig({ file: { path, text } })
  } catch (cause) {
    if (cause instanceof ConfigError) throw invalidConfig(cause.problems, cause)
    throw cause
  }
}

async function create(
  context: CliContext,
  dir: string,
  keys: MailboxInitFlags['keys'],
): Promise<string> {
  const { createHome } = await import('../net/platform/home.ts')
  const { peerName } = await import('../net/peer-name.ts')
  const { homeProblem } = await import('../node/home-problem.ts')
  const { HomeError } = await import('../net/platform/home-error.ts')
  const given = keys === 'none' ? undefined : await passphraseFromFile(context)
  // A service starts without anybody: it is sealed only if somebody says so.
  const passphrase = given ?? (keys === 'passphrase' ? await choosePassphrase(context) : '')
  if (keys === 'passphrase' && passphrase === '') {
    throw new SottoError(
      'INVALID_ARGUMENT',
      '--keys passphrase needs a passphrase that is not empty',
    )
  }
  try {
    const home = await createHome(dir, passphrase === '' ? {} : { passphrase })
    await home.close()
    return peerName(home.account.key)
  } catch (cause) {
    if (cause instanceof HomeError) homeProblem(cause)
    throw cause
  }
}
