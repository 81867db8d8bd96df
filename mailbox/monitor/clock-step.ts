// Whether somebody has set the computer's clock: it is compared with one that nobody sets.

const BEGAN = Date.now() - performance.now()

/** By how many ms the clock has been moved since the program began. A clock that is only steered moves both. */
export function clockStepMs(): number {
  return Date.now() - performance.now() - BEGAN
}
