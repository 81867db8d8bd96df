import type { CliContext } from './context.ts'
import { loadConfig } from './mailbox-config.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { runMailbox } from './mailbox-run.ts'
import { profileExists } from './profile.ts'
import { noMailbox } from './with-mailbox.ts'

/** `sotto mailbox serve`: the mailbox as a service. It asks nothing, makes no invitation, and writes a log to stdout. */
export async function run(context: CliContext, flags: ConfigFlags): Promise<void> {
  const { output } = context
  const load = () => loadConfig(context, flags)
  const loaded = await load()
  if (!(await profileExists(loaded.dir))) throw noMailbox(context, loaded.dir)
  await runMailbox(context, {
    ...{ loaded, load, invite: false, log: true },
    onUp: async ({ peer, addresses }, { socket, monitor }) => {
      const { dir: home, path: config } = loaded
      const text = [`mailbox ${peer} is up`, ...addresses.map((each) => `  ${each}`)].join('\n')
      await output.result(
        { peer, addresses, ...monitor, home, config, socket, pid: process.pid },
        text,
      )
    },
  })
}
