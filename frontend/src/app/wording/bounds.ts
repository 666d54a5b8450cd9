import type { Change } from '@dtm/api-contract';
import { clockInWords, dayInWords, MINUTE } from './time.ts';

/**
 * When a change happened, as far as it is known: after `notBefore` and not later than `observedAt`. Never an instant,
 * for nobody saw it: `between 10:02 and 12:01 UTC on 3 Nov`. A baseline
 * has no bound before it: there the time of the observation is all there is.
 */
export function boundsInWords(change: Pick<Change, 'notBefore' | 'observedAt'>, now: number): string {
  const { notBefore, observedAt } = change;
  if (notBefore === null) return `at ${clockInWords(observedAt)} UTC on ${dayInWords(observedAt, now)}`;
  const seconds = Date.parse(observedAt) - Date.parse(notBefore) < 5 * MINUTE;
  const from = clockInWords(notBefore, seconds);
  const to = clockInWords(observedAt, seconds);
  if (notBefore.slice(0, 10) === observedAt.slice(0, 10)) {
    return `between ${from} and ${to} UTC on ${dayInWords(observedAt, now)}`;
  }
  const firstDay =
    notBefore.slice(0, 4) === observedAt.slice(0, 4)
      ? dayInWords(notBefore, Date.parse(observedAt))
      : dayInWords(notBefore);
  return `between ${from} on ${firstDay} and ${to} UTC on ${dayInWords(observedAt, now)}`;
}
