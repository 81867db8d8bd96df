// The configuration of a mailbox that serves: read again when its file changes or a signal asks for it.

import { watch } from 'node:fs'
import { basename, dirname } from 'node:path'
import { DetailedError } from '../daemon/rpc-errors.ts'
import type { ReloadView } from '../daemon/mailbox-types.ts'
import { rulesOf } from '../mailbox/config/apply.ts'
import { ALL_KEYS } from '../mailbox/config/keys.ts'
import type { MailboxHost } from '../mailbox/index.ts'
import { SottoError } from '../node/errors.ts'
import type { LoadedConfig } from './mailbox-config.ts'
import type { Output } from './output.ts'

/** An editor writes a file in several steps. */
const SETTLE_MS = 100

export interface LiveInit {
  readonly loaded: LoadedConfig
  /** Reads everything again. Rejects with SottoError CONFIG_INVALID. */
  readonly load: () => Promise<LoadedConfig>
  readonly output: Output
}

export class Live {
  readonly #init: LiveInit
  #loaded: LoadedConfig
  #host: MailboxHost | undefined

  constructor(init: LiveInit) {
    this.#init = init
    this.#loaded = init.loaded
  }

  /** What counts now, but for what only a start takes. */
  get loaded(): LoadedConfig {
    return this.#loaded
  }

  /** From now on this mailbox is told. */
  serve(host: MailboxHost): void {
    this.#host = host
  }

  /** Rejects with SottoError CONFIG_INVALID; then the old values count. */
  async reload(): Promise<ReloadView> {
    const next = await this.#init.load()
    const before = this.#loaded
    const differing = ALL_KEYS.filter(
      ({ section, name }) => valueOf(before, section, name) !== valueOf(next, section, name),
    )
    this.#loaded = next
    this.#host?.operator.change(rulesOf(next.config))
    return {
      changed: differing.filter(({ reloads }) => reloads).map(({ path }) => path),
      needRestart: differing.filter(({ reloads }) => !reloads).map(({ path }) => path),
    }
  }

  /** Reads it again and says what came of it. Never rejects. */
  async reloadAndTell(): Promise<void> {
    const { output } = this.#init
    try {
      const { changed, needRestart } = await this.reload()
      if (changed.length > 0) output.talk(`configuration read: ${changed.join(', ')}`)
      if (needRestart.length > 0) {
        output.talk(`these count from the next start on: ${needRestart.join(', ')}`)
      }
    } catch (error) {
      const problems = error instanceof DetailedError ? error.details['problems'] : undefined
      const why = Array.isArray(problems) ? problems.map(String) : [reason(error)]
      output.error(['configuration not read, the old one counts:', ...why].join('\n  '))
    }
  }

  /** Reads it again whenever the file changes. Returns what ends that. */
  watch(): () => void {
    const { path } = this.#loaded
    let timer: NodeJS.Timeout | undefined
    try {
      // The folder, since an editor may put another file in the place of the old one.
      const watcher = watch(dirname(path), (_, name) => {
        if (name !== null && name !== basename(path)) return
        clearTimeout(timer)
        timer = setTimeout(() => void this.reloadAndTell(), SETTLE_MS)
      })
      watcher.on('error', () => watcher.close())
      return () => {
        clearTimeout(timer)
        watcher.close()
      }
    } catch {
      // Some file systems cannot be watched: there is still the signal.
      return () => undefined
    }
  }
}

function valueOf({ config }: LoadedConfig, section: string, name: string): string {
  const sections: Readonly<Record<string, Readonly<Record<string, unknown>>>> = config
  return JSON.stringify(sections[section]?.[name]) ?? ''
}

function reason(error: unknown): string {
  return error instanceof SottoError ? error.message : 'something unexpected happened'
}
