// What somebody may have meant who misspelt a word.

/** More wrong letters than this, and it was another word. */
const MAX_DISTANCE = 3

/** The known word that is most like this one; undefined when none is. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const near = known
    .map((candidate) => ({ candidate, distance: distance(word.toLowerCase(), candidate) }))
    .filter((one) => one.distance <= Math.min(MAX_DISTANCE, Math.ceil(one.candidate.length / 2)))
  return near.toSorted((a, b) => a.distance - b.distance)[0]?.candidate
}

/** Letters to change, insert or leave out (Levenshtein). Only for words of our own length. */
function distance(a: string, b: string): number {
  if (a.length > 64) return Number.POSITIVE_INFINITY
  let row = Array.from({ length: b.length + 1 }, (_, at) => at)
  for (const [i, letter] of [...a].entries()) {
    const next = [i + 1]
    for (const [j, other] of [...b].entries()) {
      const changed = (row[j] ?? 0) + (letter === other ? 0 : 1)
      next.push(Math.min(changed, (row[j + 1] ?? 0) + 1, (next[j] ?? 0) + 1))
    }
    row = next
  }
  return row.at(-1) ?? 0
}
