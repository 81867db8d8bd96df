import { encodeQR } from 'qr'

/** Light modules around the code; the standard asks for four, terminals scan well with two, and height is scarce. */
const QUIET_ZONE = 2

const PAINT = '\u001b[30;47m'
const RESET = '\u001b[0m'

/**
 * A QR code in half-block rows: two module rows per text row. With `colour`, painted black on white whatever the terminal's
 * own colours are, because an inherited dark background cannot be scanned; without it, light modules are drawn as
 * blocks, which is right on a dark background. Low correction: a contact link then takes 23 rows and fits 80 × 24.
 */
export function renderQr(text: string, options: { readonly colour: boolean }): string {
  const modules = encodeQR(text, 'raw', { ecc: 'low', border: QUIET_ZONE })
  const rows: string[] = []
  for (let y = 0; y < modules.length; y += 2) {
    rows.push(halfBlockRow(modules[y] ?? [], modules[y + 1] ?? [], options.colour))
  }
  return rows.join('\n')
}

/** With colour a dark module is the foreground; without, a light one is. */
function halfBlockRow(
  upper: readonly boolean[],
  lower: readonly boolean[],
  colour: boolean,
): string {
  const inked = (module: boolean | undefined): boolean => (module ?? false) === colour
  const cells = upper.map((module, x) => {
    const top = inked(module)
    const bottom = inked(lower[x])
    if (top) return bottom ? '█' : '▀'
    return bottom ? '▄' : ' '
  })
  return colour ? PAINT + cells.join('') + RESET : cells.join('')
}
