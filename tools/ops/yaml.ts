/** As much YAML as the files for Prometheus need: mappings, lists, and quoted texts. */
export type Yaml = string | number | readonly Yaml[] | { readonly [key: string]: Yaml }

export function yaml(value: Yaml): string {
  return lines(value).join('\n')
}

function lines(value: Yaml): readonly string[] {
  if (typeof value === 'number') return [String(value)]
  if (typeof value === 'string') return [JSON.stringify(value)]
  if (isList(value)) return value.flatMap((one) => indented(lines(one), '- '))
  return Object.entries(value).flatMap(([key, one]) => entry(key, one))
}

function entry(key: string, value: Yaml): readonly string[] {
  if (typeof value !== 'object') return [`${key}: ${lines(value)[0] ?? ''}`]
  return [`${key}:`, ...indented(lines(value), '  ')]
}

/** The first line behind the mark, the others below it. */
function indented(text: readonly string[], mark: string): readonly string[] {
  return text.map((line, at) => `${at === 0 ? mark : '  '}${line}`)
}

function isList(value: Yaml): value is readonly Yaml[] {
  return Array.isArray(value)
}
