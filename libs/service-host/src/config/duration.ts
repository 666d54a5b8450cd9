/** A span of time as it was configured. */
export interface Duration {
  ms: number;
  /** As written: `1h30m`. */
  text: string;
}

const SECOND = 1000;
const DAY = 24 * 60 * 60 * SECOND;

/** A month is the twelfth part of a year of 365.25 days: spans are lengths here, not calendar arithmetic. */
const UNIT_MS: Readonly<Record<string, number>> = {
  s: SECOND,
  m: 60 * SECOND,
  h: 60 * 60 * SECOND,
  d: DAY,
  w: 7 * DAY,
  mm: (365.25 / 12) * DAY,
  y: 365.25 * DAY,
};

/** Longer spans have no use here, and timers and dates stay far from their limits. */
const MAX_MS = 100 * 365.25 * DAY;

const WHOLE = /^(?:\d{1,9}(?:mm|[smhdwy]))+$/;
const PART = /(\d+)(mm|[smhdwy])/g;

/** Reads `90s`, `1h30m`, `2h`, `1d`, `2w`, `6mm` (months), `1y`; null where the text is no duration or above 100 years. */
export function parseDuration(text: string): Duration | null {
  if (!WHOLE.test(text)) return null;
  let ms = 0;
  for (const [, count, unit] of text.matchAll(PART)) ms += Number(count) * (UNIT_MS[unit ?? ''] ?? Number.NaN);
  ms = Math.round(ms);
  return ms <= MAX_MS ? { ms, text } : null;
}
