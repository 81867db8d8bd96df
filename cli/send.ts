import type { SentView, WaitState } from '../daemon/method-types.ts'
import type { Caller } from '../daemon/caller.ts'
import { DetailedError } from '../daemon/rpc-errors.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { formatDuration } from './duration.ts'
import { commandFor } from './profile.ts'
import { renderState } from './render.ts'
import type { Style } from './render.ts'
import { sanitizeLine } from './sanitize.ts'
import { withNode } from './with-node.ts'

export interface SendFlags {
  readonly wait: WaitState
}

/** Long enough for a lookup, a dial that fails and a mailbox; whoever wants another limit says so. */
const DEFAULT_WAIT_MS = 30_000

const MAX_TEXT_BYTES = 64 * 1024

/** `sotto send CONTACT TEXT|-`: exit 0 means that the state asked for was reached. */
export async function run(
  context: CliContext,
  flags: SendFlags,
  to: string,
  argument: string,
): Promise<void> {
  const text = argument === '-' ? await readText(context) : argument
  await withNode(context, async (node) => {
    try {
      await show(context, await send(context, node, { to, text, wait: flags.wait }))
    } catch (error) {
      throw await keptMessage(context, node, error)
    }
  })
}

function send(
  context: CliContext,
  node: Caller,
  message: { readonly to: string; readonly text: string; readonly wait: WaitState },
): Promise<SentView> {
  const timeout = context.flags.timeout ?? DEFAULT_WAIT_MS
  // The limit is the wait's own: a message that is queued must be reported as such, not as an aborted call.
  return node.call('message.send', { ...message, timeout }, { signal: context.interrupted })
}

async function readText({ input }: CliContext): Promise<string> {
  const text = (await input.readAll('the text', MAX_TEXT_BYTES)).replace(/\r?\n$/, '')
  if (text !== '') return text
  throw new SottoError('INVALID_ARGUMENT', 'there is no text on standard input')
}

/** The message itself is a result even when the wait failed: a script needs its id. */
async function keptMessage(context: CliContext, node: Caller, error: unknown): Promise<unknown> {
  if (!(error instanceof DetailedError) || !isSent(error.details['message'])) return error
  const message = error.details['message']
  await show(context, message)
  if (!SottoError.is(error, 'WAIT_TIMEOUT')) return error
  const keeps =
    node.mode === 'daemon'
      ? 'sotto keeps trying'
      : `it stays queued; to keep trying: ${commandFor(context.flags, 'up --detach')}`
  const options = { hint: keeps, retryable: true, cause: error }
  if (context.flags.timeout === undefined && message.state === 'queued') {
    const reason = `neither ${message.to.name} nor a mailbox could be reached`
    return new SottoError('PEER_UNREACHABLE', reason, options)
  }
  const limit = formatDuration(context.flags.timeout ?? DEFAULT_WAIT_MS)
  return new SottoError('WAIT_TIMEOUT', `the state asked for was not reached in ${limit}`, options)
}

async function show({ output }: CliContext, message: SentView): Promise<void> {
  await output.result({ message }, renderSent(message, output.style))
}

function renderSent(message: SentView, style: Style): string {
  const last = message.states.at(-1)
  const parts = [
    renderState(message.state, style, last?.reason),
    sanitizeLine(message.to.name, 64),
    message.id,
    ...detail(message),
  ]
  return parts.join('  ')
}

function detail(message: SentView): readonly string[] {
  const first = message.states[0]
  const last = message.states.at(-1)
  if (message.state === 'stored') {
    return last?.keptUntil === undefined ? [] : [`kept until ${last.keptUntil.slice(0, 10)}`]
  }
  if (first === undefined || last === undefined || first === last) return []
  const took = formatDuration(Date.parse(last.at) - Date.parse(first.at))
  return [last.path === 'mailbox' ? 'by mailbox' : message.to.path, took]
}

function isSent(value: unknown): value is SentView {
  return typeof value === 'object' && value !== null && 'to' in value && 'states' in value
}
