/** The sources as text, for tests about the shape of the code. */
import { globSync, readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'

const root = new URL('../../', import.meta.url).pathname

export interface SourceFile {
  /** Path from the root of the repository, with `/`. */
  readonly path: string
  /** Text without comments; strings are still there. */
  readonly code: string
  /** What it imports: paths of this repository as `net/ports.ts`, everything else as written. */
  readonly imports: readonly string[]
}

/** All TypeScript files below the folders, without what was generated. */
export function sourcesOf(...folders: readonly string[]): readonly SourceFile[] {
  return folders
    .flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root }))
    .filter((path) => !path.includes('/generated/') && !path.includes('node_modules'))
    .toSorted()
    .map((path) => {
      const code = withoutComments(readFileSync(join(root, path), 'utf8'))
      return { path, code, imports: importsOf(path, code) }
    })
}

const SPECIFIER =
  /(?:^|[;}\n])\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\s*\(\s*['"]([^'"]+)['"]|(?:^|[;\n])\s*import\s*['"]([^'"]+)['"]/g

function importsOf(path: string, code: string): readonly string[] {
  return [...code.matchAll(SPECIFIER)]
    .map((match) => match[1] ?? match[2] ?? match[3] ?? '')
    .map((name) => (name.startsWith('.') ? normalize(join(dirname(path), name)) : name))
}

const TOKEN =
  /\/\*[\s\S]*?\*\/|\/\/[^\n]*|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`|(?<=[(=,:!&|?]\s*)\/(?![*/])(?:[^/\\\n[]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/g

/** Comments become one space each. */
export function withoutComments(source: string): string {
  return source.replaceAll(TOKEN, (token) => (/^\/[/*]/.test(token) ? ' ' : token))
}
