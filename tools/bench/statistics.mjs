/** @param {number[]} values */
export function median(values) {
  return quantile(values, 0.5);
}

/** @param {number[]} values @param {number} share from 0 to 1 */
export function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const low = sorted[Math.floor(at)] ?? NaN;
  const high = sorted[Math.ceil(at)] ?? NaN;
  return low + (high - low) * (at - Math.floor(at));
}

/**
 * How much of `whole` a figure reaches, in per cent: the median over rounds, each compared with what was measured next to
 * it, since the machine is not equally fast at all times.
 * @param {number[]} part @param {number[]} whole
 */
export function ratio(part, whole) {
  return median(part.map((value, index) => (value / (whole[index] ?? NaN)) * 100));
}
