/** Times in words. Everything is UTC, and every function takes `now`, so that a page can tick and a test can stand still. */

const SECOND = 1_000;
export const MINUTE = 60 * SECOND;
export const HOUR = 60 * MINUTE;
export const DAY = 24 * HOUR;

const UNITS: readonly [name: string, length: number, from: number][] = [
  ['year', 365.25 * DAY, 1.5 * 365.25 * DAY],
  ['month', 30.44 * DAY, 60 * DAY],
  ['day', DAY, 36 * HOUR],
  ['hour', HOUR, 90 * MINUTE],
  ['minute', MINUTE, 90 * SECOND],
  ['second', SECOND, 0],
];

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;
const WEEKDAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;

/** `6 days`, `90 minutes`: one unit, rounded; milliseconds in. */
export function durationInWords(milliseconds: number): string {
  const { count, unit } = inUnit(milliseconds);
  return `${count} ${unit}${count === 1 ? '' : 's'}`;
}

/** `6 days`, but `day` rather than `1 day`: what follows "every"; milliseconds in. */
export function periodInWords(milliseconds: number): string {
  const { count, unit } = inUnit(milliseconds);
  return count === 1 ? unit : `${count} ${unit}s`;
}

/** `2 days ago`, `in 5 seconds`, `just now`. */
export function relativeInWords(at: string, now: number): string {
  const difference = now - Date.parse(at);
  if (Math.abs(difference) < 5 * SECOND) return difference >= 0 ? 'just now' : 'now';
  return difference > 0 ? `${durationInWords(difference)} ago` : `in ${durationInWords(-difference)}`;
}

/** The same of what has happened: a clock that is behind the server's does not put it into the future. */
export function agoInWords(at: string, now: number): string {
  return relativeInWords(at, Math.max(now, Date.parse(at)));
}

/** `Tuesday 3 Nov 2026, 12:01:07 UTC` */
export function exactUtc(at: string): string {
  const date = new Date(at);
  return `${WEEKDAYS[date.getUTCDay()]} ${dayInWords(at)}, ${clockInWords(at, true)} UTC`;
}

/** `3 Nov 2026`; without the year where `now` is of the same one. */
export function dayInWords(at: string, now?: number): string {
  const date = new Date(at);
  const day = `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const sameYear = now !== undefined && new Date(now).getUTCFullYear() === date.getUTCFullYear();
  return sameYear ? day : `${day} ${date.getUTCFullYear()}`;
}

/** `12:01`, or `12:01:07` with seconds. */
export function clockInWords(at: string, withSeconds = false): string {
  return new Date(at).toISOString().slice(11, withSeconds ? 19 : 16);
}

/** `Nov 2026` */
export function monthInWords(at: string): string {
  const date = new Date(at);
  return `${MONTHS[date.getUTCMonth()]} ${date.getUTCFullYear()}`;
}

/** A week from its Monday, as the original labels it: `Nov 11 – Nov 17 2024`. */
export function weekInWords(monday: string): string {
  const first = new Date(monday);
  const last = new Date(first.getTime() + 6 * DAY);
  const part = (date: Date): string => `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`;
  const years = first.getUTCFullYear() === last.getUTCFullYear() ? '' : ` ${first.getUTCFullYear()}`;
  return `${part(first)}${years} – ${part(last)} ${last.getUTCFullYear()}`;
}

function inUnit(milliseconds: number): { count: number; unit: string } {
  const length = Math.max(0, milliseconds);
  for (const [unit, size, from] of UNITS) {
    if (length >= from) return { count: Math.round(length / size), unit };
  }
  return { count: 0, unit: 'second' };
}
