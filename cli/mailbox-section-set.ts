// `sotto mailbox policy set` and `sotto mailbox quota set`: one key in the file, and told to the mailbox that serves.

import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { withKey } from '../mailbox/config/edit.ts'
import { ALL_KEYS } from '../mailbox/config/keys.ts'
import type { NamedKey } from '../mailbox/config/keys.ts'
import { nearest } from '../mailbox/config/nearest.ts'
import { ConfigError, rawOf, readConfig } from '../mailbox/config/read.ts'
import { SottoError } from '../node/errors.ts'
import type { CliContext } from './context.ts'
import { invalidConfig, loadConfig } from './mailbox-config.ts'
import type { ConfigFlags } from './mailbox-config.ts'
import { renderDone } from './render.ts'
import { findMailbox } from './with-mailbox.ts'

/** What `run` of each command is made of. */
export function sectionSet(section: 'policy' | 'quota') {
  return async (
    context: CliContext,
    flags: ConfigFlags,
    name: string,
    text: string,
  ): Promise<void> => {
    const { output } = context
    const key = keyOf(section, name)
    const raw = rawOf(key, text)
    mustFit(key, raw)
    const { path, dir } = await loadConfig(context, flags)
    await rewrite(path, key, raw)
    const now = await loadConfig(context, flags)
    const origin = now.sources.get(key.path)?.origin ?? 'file'
    const mailbox = await findMailbox(dir)
    try {
      const told = mailbox === undefined ? undefined : await mailbox.call('config.reload', {})
      const counts = mailbox === undefined ? 'at the next start' : 'from now on'
      const result = { file: path, key: key.path, value: raw, told: told !== undefined, origin }
      await output.result(
        result,
        `${renderDone(output.style)} ${key.path} = ${JSON.stringify(raw)}, ${counts}`,
      )
      if (origin !== 'file') output.talk(`${key.variable} in the environment goes before the file`)
    } finally {
      await mailbox?.close()
    }
  }
}

function keyOf(section: string, name: string): NamedKey {
  const known = ALL_KEYS.filter((key) => key.section === section)
  const key = known.find((one) => one.name === name)
  if (key !== undefined) return key
  const names = known.map((one) => one.name)
  const near = nearest(name, names)
  throw new SottoError('INVALID_ARGUMENT', `there is no such key in ${section}`, {
    hint: near === undefined ? `known: ${names.join(', ')}` : `did you mean ${near}?`,
  })
}

/** Throws SottoError INVALID_ARGUMENT unless the key takes the value. */
function mustFit({ path }: NamedKey, raw: unknown): void {
  try {
    readConfig({ flags: { [path]: raw } })
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause
    throw new SottoError('INVALID_ARGUMENT', cause.problems.join('; '), { cause })
  }
}

/** In one step: whoever reads it meanwhile finds the old text or the new one. */
async function rewrite(path: string, key: NamedKey, raw: unknown): Promise<void> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return ''
    throw invalidConfig([`${path}: it cannot be read`], cause)
  })
  const next = withKey(text, key, raw)
  if (next === undefined) {
    throw new SottoError('CONFIG_INVALID', `${path} is written in a way that only you can change`, {
      hint: `set ${key.path} there by hand`,
    })
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  await writeFile(`${path}.new`, next, { mode: 0o600 })
  await rename(`${path}.new`, path)
}
