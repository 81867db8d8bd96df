/** More than a request needs from one promise to the next on its way to where it is gathered with others. */
const TURNS = 16

/**
 * Resolves when `count` grows no more, or is `enough`: what follows without a pause can then be done together. A request that was read
 * with others is a few promises behind them.
 */
export async function gathered(count: () => number, enough: number): Promise<void> {
  for (let before = -1; before < count();) {
    before = count()
    for (let turn = 0; turn < TURNS; turn++) {
      if (count() >= enough) return
      await Promise.resolve()
    }
  }
}
