/**
 * What `npm run mutate` has found, kept in `tools/mutation/results.json` and shown in `docs/mutation.md`.
 * Says nothing of how mutants are made and run (`mutate.ts`).
 */
import { createHash } from 'node:crypto'

/** Which files belong together, and the least share of mutants that tests must notice in each of them. */
export const groups = {
  crypto: {
    least: 95,
    files: /^(?:crypto|primitives|provider|sodium|native|public-keys|secret|labels|known-answers)/,
  },
  codec: {
    least: 95,
    files:
      /^(?:bytes|base32|reader|protobuf|header|envelope|padding|content|opened-content|stored-fields|session-codec|post-quantum-codec|link)\./,
  },
  ratchet: {
    least: 95,
    files:
      /^(?:ratchet|chain|message-keys|skipped-keys|seen-marks|failed-bodies|epoch|post-quantum(?!-codec)|riding|key-parts)/,
  },
  handshake: {
    least: 95,
    files: /^(?:pqxdh|hidden-identity|begin-session|session\.|sessions|statement|continuity)/,
  },
  records: { least: 85, files: /^/ },
} as const

export type Group = keyof typeof groups

/** A fault that no test notices. */
export interface Survivor {
  /** The lines as they are, spaces joined. */
  readonly from: string
  /** The same lines with the fault. */
  readonly to: string
  /** Why no test has to notice it; absent until somebody has thought about it. */
  readonly why?: string
}

export interface FileResult {
  /** SHA-256 of the source that was tested. */
  readonly source: string
  /** YYYY-MM-DD */
  readonly date: string
  readonly killed: number
  readonly timedOut: number
  readonly survivors: readonly Survivor[]
}

/** By path, `protocol/reader.ts`. */
export type Results = Readonly<Record<string, FileResult>>

/** The group of a file of protocol/: the first whose pattern fits. */
export function groupOf(path: string): Group {
  const name = path.replace(/^.*\//, '')
  const found = groupNames.find((group) => groups[group].files.test(name))
  return found ?? 'records'
}

export const groupNames = Object.keys(groups) as readonly Group[]

/** The hash under which a source's result is kept. */
export function hashOf(source: string): string {
  return createHash('sha256').update(source).digest('hex')
}

/** The result with the arguments that an earlier one had for the same survivors. */
export function withArguments(result: FileResult, earlier: FileResult | undefined): FileResult {
  const survivors = result.survivors.map(({ from, to }) => {
    const same = earlier?.survivors.find((other) => other.from === from && other.to === to)
    return same?.why === undefined ? { from, to } : { from, to, why: same.why }
  })
  return { ...result, survivors }
}

/** Percent of the mutants that were noticed, 100 where there are none. */
export function score(files: readonly FileResult[]): number {
  const { noticed, all } = sum(files)
  return all === 0 ? 100 : (100 * noticed) / all
}

/** The page docs/mutation.md. */
export function page(results: Results): string {
  const files = Object.entries(results)
  return [
    INTRODUCTION,
    table(
      ['group', 'mutants', 'killed', 'timed out', 'survived', 'score', 'at least'],
      [...groupNames.map((group) => groupRow(group, files)), totalRow(files)],
    ),
    '## Files',
    table(
      ['file', 'group', 'mutants', 'killed', 'timed out', 'survived', 'score', 'date'],
      files.map(([path, file]) => [`\`${path}\``, groupOf(path), ...counts([file]), file.date]),
    ),
    '## Survivors',
    'The lines as they are, then with the fault, and why no test has to notice it.',
    ...files.filter(([, { survivors }]) => survivors.length > 0).flatMap(survivorsOf),
  ].join('\n\n')
}

type Entry = readonly [string, FileResult]

function groupRow(group: Group, files: readonly Entry[]): readonly string[] {
  const own = files.filter(([path]) => groupOf(path) === group).map(([, file]) => file)
  return [group, ...counts(own), groups[group].least.toString()]
}

function totalRow(files: readonly Entry[]): readonly string[] {
  return ['all', ...counts(files.map(([, file]) => file)), '85']
}

function counts(files: readonly FileResult[]): readonly string[] {
  const { all, killed, timedOut, survived } = sum(files)
  const shown = all === 0 ? 'not run' : score(files).toFixed(1)
  return [all, killed, timedOut, survived, shown].map(String)
}

function sum(files: readonly FileResult[]) {
  const total = (count: (file: FileResult) => number): number =>
    files.reduce((all, file) => all + count(file), 0)
  const killed = total((file) => file.killed)
  const timedOut = total((file) => file.timedOut)
  const survived = total((file) => file.survivors.length)
  return {
    killed,
    timedOut,
    survived,
    noticed: killed + timedOut,
    all: killed + timedOut + survived,
  }
}

function survivorsOf([path, { survivors }]: Entry): readonly string[] {
  const reasons = new Set(survivors.map(({ why }) => why))
  const items = [...reasons].flatMap((why) => [
    why ?? '**Not argued yet:**',
    survivors
      .filter((survivor) => survivor.why === why)
      .map(({ from, to }) => `- \`\`${from}\`\`\n  \`\`${to}\`\``)
      .join('\n'),
  ])
  return [`### \`${path}\``, ...items]
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n')
}

const INTRODUCTION = `# Mutation testing

Small faults are put into \`protocol/\` one at a time (Stryker: a condition turned round, a call left out, a text emptied, a bound moved by
one), and \`test/protocol\` or \`test/native\` must notice each. Written by \`npm run mutate\`; [CONTRIBUTING.md](../CONTRIBUTING.md) says how to
run it. Killed: a test failed, or the tests could not be loaded. Timed out: the fault made something run for ever. Type annotations and
generated code have no mutants. A file that is not listed has not been run, and one that was changed after its date has not been run as it
is: \`npm run mutate -- --resume\` runs both.`
