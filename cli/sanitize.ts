// Everything that came from another person passes here before it reaches a terminal.
// It is not an HTML escaper and not a validator: the stored text stays what was received.

/** Marks that may follow one base character; enough for every living script, too few to paint over a screen. */
const MAX_COMBINING_MARKS = 8

const LINE_BREAKS = /\r\n|[\r\u2028\u2029]/g
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f]/g
const BIDI_CONTROLS = /[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/g
/** Characters without a shape: zero-width, soft hyphen, fillers, tags. Joiners U+200C and U+200D stay: scripts and emoji need them. */
const INVISIBLE =
  /[\u00ad\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b\u2060-\u2065\u206a-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\u{1d173}-\u{1d17a}\u{e0000}-\u{e0fff}]/gu
const TOO_MANY_MARKS = new RegExp(`(\\p{M}{${MAX_COMBINING_MARKS}})\\p{M}+`, 'gu')
const RIGHT_TO_LEFT =
  /[\u0590-\u08ff\ufb1d-\ufdff\ufe70-\ufefc\u{10800}-\u{10fff}\u{1e800}-\u{1efff}]/u

const FIRST_STRONG_ISOLATE = '\u2068'
const POP_ISOLATE = '\u2069'

/**
 * Text for a terminal, line breaks and tabs kept: no control or escape character survives, direction
 * controls are dropped and right-to-left lines are isolated from what stands beside them, invisible
 * characters are shown as `<U+200B>`, runs of combining marks are cut.
 */
export function sanitizeText(text: string): string {
  const plain = text
    .toWellFormed()
    .replace(LINE_BREAKS, '\n')
    .replace(CONTROLS, '')
    .replace(BIDI_CONTROLS, '')
    .replace(INVISIBLE, showCodePoint)
    .replace(TOO_MANY_MARKS, '$1')
  return plain.split('\n').map(isolate).join('\n')
}

/** Like `sanitizeText`, on one line and at most `maxLength` code points: names, labels, error messages. */
export function sanitizeLine(text: string, maxLength = 200): string {
  const line = sanitizeText(text.replace(/[\r\n\t\u2028\u2029]+/g, ' '))
  const points = [...line]
  if (points.length <= maxLength) return line
  return sanitizeText(`${points.slice(0, maxLength - 1).join('')}…`)
}

/** One JSON document whose bytes are harmless on a terminal: what a terminal could obey is escaped, so nothing is lost. */
export function safeJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\u009f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

function showCodePoint(character: string): string {
  return `<U+${(character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}>`
}

function isolate(line: string): string {
  return RIGHT_TO_LEFT.test(line) ? FIRST_STRONG_ISOLATE + line + POP_ISOLATE : line
}
