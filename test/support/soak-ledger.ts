// What was accepted in a soak, and what was shown of it. A text begins with `sender>recipient`, so that it says itself where it belongs.

/** What was found in the end. */
export interface SoakCount {
  readonly accepted: number
  readonly lost: number
  readonly doubled: number
  /** Shown to somebody, and never accepted for them. */
  readonly foreign: number
}

export class SoakLedger {
  readonly #accepted = new Set<string>()
  /** How often each was announced. */
  readonly #shown = new Map<string, number>()

  accept(text: string): void {
    this.#accepted.add(text)
  }

  show(text: string): void {
    this.#shown.set(text, (this.#shown.get(text) ?? 0) + 1)
  }

  /** `histories`: the texts that came in, by who tells of them. Whoever tells of none was never restarted: what was announced counts. */
  count(histories: ReadonlyMap<string, readonly string[]>): SoakCount {
    const listed = new Map<string, number>()
    let foreign = 0
    for (const [name, texts] of histories) {
      for (const text of texts) {
        if (recipientOf(text) !== name || !this.#accepted.has(text)) foreign++
        else listed.set(text, (listed.get(text) ?? 0) + 1)
      }
    }
    const times = [...this.#accepted].map(
      (text) => (histories.has(recipientOf(text)) ? listed : this.#shown).get(text) ?? 0,
    )
    return {
      accepted: times.length,
      lost: times.filter((count) => count === 0).length,
      doubled: times.filter((count) => count > 1).length,
      foreign,
    }
  }

  /** Texts to `name` that were announced more than once. Only whoever was never restarted may not do so. */
  announcedAgain(name: string): number {
    return [...this.#shown].filter(([text, count]) => recipientOf(text) === name && count > 1)
      .length
  }
}

export function prefixOf(from: string, to: string, life: number): string {
  return `${from}>${to} ${life}-`
}

function recipientOf(text: string): string {
  return /^[^ ]*>([^ ]*) /.exec(text)?.[1] ?? ''
}
