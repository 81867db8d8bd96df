import { helloFrom } from '../daemon/client.ts'
import { serve } from '../daemon/server.ts'
import { findSocket, prepareSocket } from '../daemon/socket-path.ts'
import { SottoError } from '../node/errors.ts'
import type { Node } from '../node/api.ts'
import type { CliContext } from './context.ts'
import { detach } from './detach.ts'
import { commandFor, requireProfile } from './profile.ts'
import { sanitizeLine } from './sanitize.ts'
import type { NetworkFlags } from './settings.ts'
import { STORE_WORDS } from './store-words.ts'
import { openOwnNode } from './with-node.ts'

export interface UpFlags extends NetworkFlags {
  readonly detach: boolean
}

/** `sotto up`: runs the node until a signal or `sotto down`; with --detach in the background. */
export async function run(context: CliContext, flags: UpFlags): Promise<void> {
  const home = await requireProfile(context.flags)
  await refuseSecond(context, home)
  if (flags.detach) await detach(context, home, flags)
  else await foreground(context, home, flags)
}

/** Asked before the store is opened, so that the answer is quick and names the command that helps. */
async function refuseSecond(context: CliContext, home: string): Promise<void> {
  const running = await helloFrom(await findSocket(home))
  if (running === undefined) return
  const message = `a node is up for this identity already (pid ${running.pid})`
  throw new SottoError('STORE_LOCKED', message, {
    hint: `stop it: ${commandFor(context.flags, 'down')}`,
  })
}

async function foreground(context: CliContext, home: string, flags: UpFlags): Promise<void> {
  const stopped = Promise.withResolvers<void>()
  context.interrupted.addEventListener('abort', () => stopped.resolve(), { once: true })
  const node = await openOwnNode(context, home, flags)
  node.on('node.store', ({ problem }) => {
    const what = problem === null ? 'the store can be written again' : STORE_WORDS[problem]
    context.output.talk(problem === null ? what : `${what}: nothing is accepted until that ends`)
  })
  try {
    const path = await prepareSocket(home)
    const onStop = stopped.resolve
    const server = await serve({ node, path, version: context.version, onStop })
    await announce(context, node, path)
    await stopped.promise
    context.output.talk('stopping')
    await server.close()
  } finally {
    await node.stop()
  }
  context.output.talk('node stopped')
}

/** Who we are goes to stdout; the talk, which a detached node writes to its log, names nobody. */
async function announce({ output }: CliContext, node: Node, socket: string): Promise<void> {
  const { id, addresses } = node.status
  const { name, peer } = id
  const text = [`${sanitizeLine(name)} is up   ${peer}`, ...addresses.map((each) => `  ${each}`)]
  await output.result({ name, peer, addresses, pid: process.pid, socket }, text.join('\n'))
  output.talk('node started')
}
