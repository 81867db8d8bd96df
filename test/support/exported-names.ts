/** The names that an entry point of the package exports, read from its source: values and types. */
import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { withoutComments } from './sources.ts'

const root = new URL('../../', import.meta.url).pathname

/** The entry points of `package.json`, and the sources they are built from. */
const ENTRY_POINTS: Readonly<Record<string, string>> = {
  sotto: 'node/index.ts',
  'sotto/protocol': 'protocol/index.ts',
  'sotto/mailbox': 'mailbox/index.ts',
  'sotto/mailbox/store-contract': 'mailbox/store-contract.ts',
}

/** The content of `test/api.txt`: a heading for each entry point, then its names in order. */
export function describeApi(): string {
  return Object.entries(ENTRY_POINTS)
    .map(([name, path]) => [`# ${name}`, ...namesOf(path), ''].join('\n'))
    .join('\n')
}

const DECLARATION =
  /^export\s+(?:declare\s+)?(?:abstract\s+)?(?:async\s+)?(function\*?|const|let|class|interface|type)\s+([\w$]+)/gm
const LIST = /^export\s+(type\s+)?\{([^}]*)\}/gm
const STAR = /^export\s+(?:type\s+)?\*\s+from\s+'([^']+)'/gm

/** Types are written as `type Name`. `export type *` is used for files that hold nothing but types. */
function namesOf(path: string): readonly string[] {
  const code = withoutComments(readFileSync(join(root, path), 'utf8'))
  const declared = [...code.matchAll(DECLARATION)].map(([, kind, name = '']) =>
    kind === 'interface' || kind === 'type' ? `type ${name}` : name,
  )
  const listed = [...code.matchAll(LIST)].flatMap(([, type, names = '']) =>
    names
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '')
      .map((name) => exportedName(type === undefined ? name : `type ${name}`)),
  )
  const passedOn = [...code.matchAll(STAR)].flatMap(([, from = '']) =>
    namesOf(join(dirname(path), from)),
  )
  return [...new Set([...declared, ...listed, ...passedOn])].toSorted()
}

/** `type A as B` is known as `type B`. */
function exportedName(written: string): string {
  return written.replace(/^(type )?.*\bas\s+([\w$]+)$/, '$1$2')
}
