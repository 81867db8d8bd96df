// From the flags of a mailbox to what watches it.

import { SottoError } from '../node/errors.ts'
import type { LogLevel, MonitorOptions } from '../mailbox/index.ts'
import type { Output } from './output.ts'

export interface MonitorFlags {
  /** `HOST:PORT` */
  readonly metrics?: string | undefined
  readonly log?: string | undefined
}

/** Undefined when nothing is watched. Throws `SottoError` INVALID_ARGUMENT. */
export async function monitorOptions(
  { metrics, log }: MonitorFlags,
  output: Output,
): Promise<MonitorOptions | undefined> {
  if (metrics === undefined && log === undefined) return undefined
  const { endpoint, NotOfKind, oneOf } = await import('../mailbox/config/kinds.ts')
  const read = <T>(flag: string, text: string, kind: { read(raw: unknown): T }): T => {
    try {
      return kind.read(text)
    } catch (cause) {
      if (!(cause instanceof NotOfKind)) throw cause
      throw new SottoError('INVALID_ARGUMENT', `${flag} ${cause.message}`)
    }
  }
  const listen = metrics === undefined ? undefined : read('--metrics', metrics, endpoint())
  if (log === undefined) return { listen }
  const level = read('--log', log, oneOf('error', 'warn', 'info', 'debug'))
  return { listen, log: logOnStdout(output, level) }
}

/** A reader who has gone is no reason to stop. */
function logOnStdout(output: Output, level: LogLevel): NonNullable<MonitorOptions['log']> {
  return {
    level: () => level,
    write: (line) => void output.line(line).catch(() => undefined),
  }
}
