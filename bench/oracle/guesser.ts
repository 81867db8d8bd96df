/** Somebody who tells two cases apart by one threshold, learnt from half of the samples and tested on the others. */

/** The share of right guesses on samples that were not learnt from; 0.5 is blind. */
export function success(a: readonly number[], b: readonly number[]): number {
  const rule = learn(half(a, 0), half(b, 0))
  return share(rule, half(a, 1), half(b, 1))
}

/** Which side of the threshold is `b`. */
interface Rule {
  readonly threshold: number
  readonly isAbove: boolean
}

/** The rule with the most right guesses on these. */
function learn(a: readonly number[], b: readonly number[]): Rule {
  const marked = [
    ...a.map((time) => ({ time, isB: false })),
    ...b.map((time) => ({ time, isB: true })),
  ]
  const sorted = marked.toSorted((x, y) => x.time - y.time)
  let best: Rule & { readonly right: number } = { threshold: -Infinity, isAbove: true, right: 0 }
  // With the threshold at this sample: how many at or below it are of a, and how many above it of b.
  let right = b.length
  for (const { time, isB } of sorted) {
    right += isB ? -1 : 1
    const wrong = marked.length - right
    if (right > best.right) best = { threshold: time, isAbove: true, right }
    if (wrong > best.right) best = { threshold: time, isAbove: false, right: wrong }
  }
  return best
}

function share({ threshold, isAbove }: Rule, a: readonly number[], b: readonly number[]): number {
  const isB = (time: number): boolean => time > threshold === isAbove
  const right = a.filter((time) => !isB(time)).length / a.length
  return (right + b.filter(isB).length / b.length) / 2
}

function half(times: readonly number[], parity: number): readonly number[] {
  return times.filter((_, at) => at % 2 === parity)
}
