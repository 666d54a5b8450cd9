/** The top of an axis: its last tick, so that the highest bar is told by a line above it. */
export function axisTop(most: number): number {
  return axisTicks(most).at(-1) ?? most;
}

/** Whole, round numbers from zero to what holds the most there is, at most five of them. A single change shall not look like a peak. */
export function axisTicks(most: number): number[] {
  const top = Math.max(2, most);
  const least = Math.max(1, top / 4);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least) ?? top;
  return Array.from({ length: Math.ceil(top / step) + 1 }, (_, index) => index * step);
}
