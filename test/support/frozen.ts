/** The files of `test/vectors` as they are in the repository, in Node and in the browser. Only for tests that Vitest runs. */
import type { RandomBytes } from '../../protocol/bytes.ts'
import { fromHex } from '../../protocol/bytes.ts'
import type { VectorFile, Vectors } from '../make-vectors/index.ts'

declare global {
  interface ImportMeta {
    /** Vite's: puts the files of a pattern into the bundle. */
    glob(
      pattern: string,
      options: { readonly query: '?raw'; readonly import: 'default'; readonly eager: true },
    ): Readonly<Record<string, string>>
  }
}

const texts = import.meta.glob('../vectors/*.json', {
  query: '?raw',
  import: 'default',
  eager: true,
})

/** Names of all files that are there. */
export const frozenFiles = Object.keys(texts).map((path) => path.replace('../vectors/', ''))

/** The text of a file; empty if it is missing. */
export function frozenText(file: string): string {
  return texts[`../vectors/${file}`] ?? ''
}

/** What a file holds. */
export function frozen<File extends VectorFile>(file: File): Vectors<File> {
  return JSON.parse(frozenText(file)) as Vectors<File>
}

/** Random bytes that are what a vector says, in its order; what it leaves out is passed over. */
export function drawsOf(values: readonly (string | undefined)[]): RandomBytes {
  const left = values.filter((value) => value !== undefined).map((value) => fromHex(value))
  return (length) => {
    const next = left.shift()
    if (next?.length !== length) throw new Error(`the vector does not say these ${length} bytes`)
    return next
  }
}
