/** The top of an axis: the most there is, but a single change shall not look like a peak. */
export function axisTop(most: number): number {
  return Math.max(2, most);
}

/** Whole, round numbers from zero to the top, at most five of them. */
export function axisTicks(most: number): number[] {
  const top = axisTop(most);
  const least = Math.max(1, top / 4);
  const power = 10 ** Math.floor(Math.log10(least));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= least) ?? top;
  return Array.from({ length: Math.floor(top / step) + 1 }, (_, index) => index * step);
}
