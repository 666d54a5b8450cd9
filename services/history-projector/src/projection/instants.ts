/** The later of two instants, where null is before all. */
export function later(a: Date | null, b: Date | null): Date | null {
  if (a === null) return b;
  return b === null || a >= b ? a : b;
}
