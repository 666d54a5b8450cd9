const FORM = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))? ?(?:(Z)|([+-])(\d\d)(?::?(\d\d))?)?$/i;
const MINUTE_MS = 60_000;

/**
 * A date and a time as RFC 3339, PostgreSQL or Python write them; null for anything else. What names no zone is UTC, on
 * whatever machine it is read: `Date` would take the machine's, and make a time of nearly anything.
 */
export function parseInstant(text: string): Date | null {
  const [, year, month, day, hour, minute, second, fraction = '', , sign, offsetHours = '0', offsetMinutes = '0'] =
    FORM.exec(text) ?? [];
  if (year === undefined || Number(offsetHours) > 23 || Number(offsetMinutes) > 59) return null;
  const written = `${year}-${month}-${day}T${hour}:${minute}:${second}`;
  const local = new Date(`${written}.${fraction.padEnd(3, '0').slice(0, 3)}Z`);
  // A day that its month has not, or the hour 24, is rolled over or no time at all.
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(written)) return null;
  const offset = (Number(offsetHours) * 60 + Number(offsetMinutes)) * MINUTE_MS;
  return new Date(local.getTime() - (sign === '-' ? -offset : offset));
}
