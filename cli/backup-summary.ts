import type { Style } from './render.ts'
import { renderDone } from './render.ts'

/** What is in a backup, in one line. */
export function summaryLine(
  what: string,
  { createdAt }: { readonly createdAt: number },
  counts: string,
  style: Style,
): string {
  const at = new Date(createdAt).toISOString().replace(/\.\d+Z$/, 'Z')
  return `${renderDone(style)} ${what} as of ${at}   ${counts}`
}
