import type { CliContext } from './context.ts'

/** Any link is far shorter. */
const MAX_BYTES = 4096

/** A link from the command line, or from stdin when it is `-`, which leaves no trace in the process list. */
export async function readLink(context: CliContext, argument: string): Promise<string> {
  if (argument !== '-') return argument.trim()
  return (await context.input.readAll('the link', MAX_BYTES)).trim()
}
