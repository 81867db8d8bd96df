import type { ApplicationContext } from '@stricli/core'
import type { CreateNode, CreateProfile } from '../node/api.ts'
import type { CommonFlags } from './common-flags.ts'
import type { Input } from './input.ts'
import type { Output } from './output.ts'

/** Everything a command is given; it touches the process through nothing else. */
export interface CliContext extends ApplicationContext {
  readonly flags: CommonFlags
  readonly input: Input
  readonly output: Output
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Aborted by SIGINT and SIGTERM. */
  readonly interrupted: AbortSignal
  /** Aborted by these and, with WAIT_TIMEOUT, when --timeout has passed. */
  readonly signal: AbortSignal
  /** Calls `listener` at each SIGHUP, until what is returned is called. Without any, it ends the program. */
  readonly onHangup: (listener: () => void) => () => void
  /** Version of this program. */
  readonly version: string
  /** Program and first arguments that start this program again. */
  readonly entry: readonly [string, ...string[]]
  /** The library, loaded when a command needs a node of its own: it takes most of the start-up time. */
  readonly library: () => Promise<Library>
}

/** The two functions of the library that commands use. */
export interface Library {
  readonly createNode: CreateNode
  readonly createProfile: CreateProfile
}
