// What the commands of this folder write to; the command line's own output fits.

/** stdout is data, stderr is talk: with `json` exactly one document reaches stdout. */
export interface Teller {
  readonly json: boolean
  /** The result: the document with --json, else the text. */
  result(document: object, text: string): Promise<void>
  /** One line on stdout. */
  line(text: string): Promise<void>
  /** One line on stderr. */
  talk(text: string): void
}

/** A line for people: on stdout, unless a program reads that. */
export async function tell(teller: Teller, text: string): Promise<void> {
  if (teller.json) teller.talk(text)
  else await teller.line(text)
}
