// Setting one key in the text of a file, so that comments and the order of everything else stay.

import { parse } from 'smol-toml'

/** The new text; undefined when the key is written in a way that only a person can change. `value` is as JSON has it. */
export function withKey(
  text: string,
  { section, name }: { readonly section: string; readonly name: string },
  value: unknown,
): string | undefined {
  const wanted = setIn(tables(text), section, name, value)
  const lines = text.split('\n')
  const line = `${name} = ${JSON.stringify(value)}`
  const head = lines.findIndex((each) => each.replace(/#.*/, '').trim() === `[${section}]`)
  if (head < 0) {
    const gap = text === '' || text.endsWith('\n') ? '' : '\n'
    return ifSays(`${text}${gap}${text === '' ? '' : '\n'}[${section}]\n${line}\n`, wanted)
  }
  const next = lines.findIndex((each, at) => at > head && /^\s*\[/.test(each))
  const end = next < 0 ? lines.length : next
  const start = lines.findIndex((each, at) => at > head && at < end && isKey(each, name))
  if (start < 0) return ifSays(lines.toSpliced(head + 1, 0, line).join('\n'), wanted)
  // A value may go over several lines: as many are replaced as it takes.
  for (let count = 1; start + count <= end; count++) {
    const edited = ifSays(lines.toSpliced(start, count, line).join('\n'), wanted)
    if (edited !== undefined) return edited
  }
  return undefined
}

function isKey(line: string, name: string): boolean {
  return line.trimStart().startsWith(name) && /^\s*=/.test(line.trimStart().slice(name.length))
}

type Tables = Readonly<Record<string, unknown>>

function tables(text: string): Tables {
  return parse(text, { maxDepth: 8 })
}

function setIn(all: Tables, section: string, name: string, value: unknown): Tables {
  const held = all[section]
  const table = typeof held === 'object' && held !== null ? held : {}
  return { ...all, [section]: { ...table, [name]: value } }
}

function ifSays(text: string, wanted: Tables): string | undefined {
  try {
    return canonical(tables(text)) === canonical(wanted) ? text : undefined
  } catch {
    return undefined // not TOML any more
  }
}

/** The same text for the same values, in whatever order. */
function canonical(value: unknown): string {
  return JSON.stringify(value, (_, each: unknown) =>
    typeof each === 'object' && each !== null && !Array.isArray(each)
      ? Object.fromEntries(Object.entries(each).toSorted(([a], [b]) => (a < b ? -1 : 1)))
      : each,
  )
}
