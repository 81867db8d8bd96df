import { renderDone, renderFailure } from './render.ts'
import type { CliContext } from './context.ts'
import { EXIT } from './exit-codes.ts'
import { checkMailbox } from './mailbox-checks.ts'
import type { Finding } from './mailbox-checks.ts'
import { loadConfig } from './mailbox-config.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { sanitizeLine } from './sanitize.ts'
import { findMailbox } from './with-mailbox.ts'

/** `sotto mailbox check`: whether a mailbox can serve here, each problem with what helps. 13 when one is found. */
export async function run(context: CliContext, flags: ConfigFlags): Promise<number> {
  const { output } = context
  const loaded = await loadConfig(context, flags)
  const running = await findMailbox(loaded.dir)
  await running?.close()
  const findings = await checkMailbox(loaded, running !== undefined)
  const line = ({ name, ok, what, fix }: Finding): string => {
    const mark = ok ? renderDone(output.style) : renderFailure(output.style)
    const text = `${mark} ${name.padEnd(9)} ${sanitizeLine(what, 300)}`
    return fix === '' ? text : `${text}\n  ${sanitizeLine(fix, 300)}`
  }
  await output.result({ checks: findings }, findings.map(line).join('\n'))
  return findings.every(({ ok }) => ok) ? EXIT.ok : EXIT.checkFailed
}
