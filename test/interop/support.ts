/** What the tests of both implementations share. */
import { readFileSync } from 'node:fs'

/** The outputs printed at the end of the protocol page, by name. */
export function sampleOutputs(): Readonly<Record<string, string>> {
  const page = readFileSync(new URL('../../docs/protocol.md', import.meta.url), 'utf8')
  const section = page.slice(page.indexOf('## Sample outputs'), page.indexOf('## Changes'))
  const lines = section.matchAll(/^(\S.*?)\s+= ([0-9a-f]{16,})$/gm)
  return Object.fromEntries([...lines].map(([, name = '', value = '']) => [name, value]))
}
