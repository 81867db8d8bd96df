// Where a campaign of the simulator has come to, in a file, so that a later run goes on.
import { createHash } from 'node:crypto'
import { existsSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { NO_FIGURES, type Figures } from '../test/sim/campaign.ts'
import { countsOf } from '../test/sim/faults.ts'

/** Sources as they were from a seed on. */
export interface SourceMark {
  readonly from: number
  /** Of all that a run is made of. */
  readonly digest: string
}

export interface State {
  /** The seed that comes next. */
  readonly next: number
  readonly cpuMs: number
  readonly sources: readonly SourceMark[]
  readonly figures: Figures
}

/** What a run is made of. */
const FOLDERS = ['protocol', 'net', 'node', 'mailbox', 'test/sim', 'test/support']

const root = new URL('..', import.meta.url).pathname

/** What is in the file, or a new beginning; with a mark where the sources are others than those of the last run. */
export function loadState(file: string | undefined): State {
  const fresh: State = { next: 1, cpuMs: 0, sources: [], figures: NO_FIGURES }
  const state = file !== undefined && existsSync(file) ? read(file) : fresh
  const digest = digestOfSources()
  if (state.sources.at(-1)?.digest === digest) return state
  return { ...state, sources: [...state.sources, { from: state.next, digest }] }
}

export function saveState(file: string | undefined, state: State): void {
  if (file === undefined) return
  writeFileSync(`${file}.new`, JSON.stringify(state))
  renameSync(`${file}.new`, file)
}

/** Of a processor, since this process began. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage()
  return (user + system) / 1_000
}

/** Faults that are new since the file was written did not occur before. */
function read(file: string): State {
  const state = JSON.parse(readFileSync(file, 'utf8')) as State
  const { figures } = state
  const [faults, met] = [figures.faults, figures.met].map((counts) =>
    countsOf((fault) => counts[fault] ?? 0),
  )
  if (faults === undefined || met === undefined) throw new Error(`${file} has no figures`)
  return { ...state, figures: { ...figures, faults, met } }
}

function digestOfSources(): string {
  const hash = createHash('sha256')
  for (const folder of FOLDERS) {
    const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
    for (const file of files.filter((name) => name.endsWith('.ts')).toSorted()) {
      hash.update(`${folder}/${file}\0`).update(readFileSync(join(root, folder, file)))
    }
  }
  return hash.digest('hex').slice(0, 16)
}
