/**
 * Whether the simulator notices faults of the sources: each mutant of `sim-mutants.ts` is put into a copy of them, and seeds run until
 * one fails.
 *
 *   npm run campaign -- sim-mutants [--seeds 200] [--only NAME]
 */
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { MUTANTS, type Mutant } from './sim-mutants.ts'

const FOLDERS = ['protocol', 'net', 'node', 'mailbox', 'cli', 'daemon', 'test', 'tools']

const root = new URL('..', import.meta.url).pathname
const { values } = parseArgs({
  allowPositionals: true,
  options: {
    seeds: { type: 'string', default: '200' },
    only: { type: 'string', default: '' },
  },
})

const mutants = MUTANTS.filter(({ name }) => name.includes(values.only))
const survivors = mutants.filter((mutant) => !isCaught(mutant))
process.stdout.write(`${mutants.length - survivors.length} of ${mutants.length} caught\n`)
process.exitCode = survivors.length > 0 || mutants.length === 0 ? 1 : 0

function isCaught(mutant: Mutant): boolean {
  const folder = mkdtempSync(join(tmpdir(), 'sotto-mutant-'))
  try {
    copySources(folder)
    put(mutant, folder)
    const command = ['tools/campaign.ts', 'sim', '--seeds', values.seeds, '--until-failure']
    const { stdout } = spawnSync(process.execPath, command, { cwd: folder, encoding: 'utf8' })
    const caught = stdout.split('\n').find((line) => line.startsWith('seed '))
    process.stdout.write(`${mutant.name}: ${caught ?? 'survives'}\n`)
    return caught !== undefined
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function copySources(folder: string): void {
  const filter = (path: string): boolean => !path.includes('node_modules')
  for (const name of FOLDERS)
    cpSync(join(root, name), join(folder, name), { recursive: true, filter })
  cpSync(join(root, 'package.json'), join(folder, 'package.json'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
}

function put({ name, file, instead, put: mutation }: Mutant, folder: string): void {
  const path = join(folder, file)
  const parts = readFileSync(path, 'utf8').split(instead)
  if (parts.length !== 2) throw new Error(`"${name}" does not fit ${file}`)
  writeFileSync(path, parts.join(mutation))
}
