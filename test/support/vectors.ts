import { existsSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'

const root = resolve(import.meta.dirname, '../..')

/** The folder of third-party vectors, or `undefined` where it is absent. */
export function findVectors(): string | undefined {
  const folder = resolve(root, process.env['SOTTO_VECTORS'] ?? '../shared/vectors')
  return existsSync(join(folder, 'README.md')) ? folder : undefined
}

/** A JSON file as whatever the caller says it is: vectors are trusted data. */
// oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- the caller knows the file
export function readJson<T>(folder: string, file: string): T {
  return JSON.parse(readText(folder, file)) as T
}

/** A text file, unpacked if its name ends in .gz. */
export function readText(folder: string, file: string): string {
  const bytes = readFileSync(join(folder, file))
  return (file.endsWith('.gz') ? gunzipSync(bytes) : bytes).toString()
}

/** The `name = value` lines of a CCTV file. */
export function readFields(folder: string, file: string): Record<string, string> {
  const lines = readText(folder, file).trim().split('\n')
  return Object.fromEntries(lines.map((line) => line.split(' = ', 2) as [string, string]))
}
