import type { Answer } from './exchange.ts';
import { single } from './exchange.ts';

/** A time further ahead is not believed: Docker Hub's longest window is six hours. */
const LONGEST_MS = 24 * 60 * 60 * 1000;

/**
 * When the registry wants to be asked again, as it says itself: `Retry-After` in seconds or as a date, Docker Hub's
 * `X-Retry-After` (a Unix time, not a delay), GHCR's duration in the message, `X-RateLimit-Reset` where nothing is left.
 * Null where it names no time.
 */
export function namedRetryTime(answer: Pick<Answer, 'headers' | 'body'>, now: Date): Date | null {
  const milliseconds = namedDelay(answer, now.getTime());
  if (milliseconds === null) return null;
  return new Date(now.getTime() + Math.min(Math.max(0, milliseconds), LONGEST_MS));
}

function namedDelay({ headers, body }: Pick<Answer, 'headers' | 'body'>, now: number): number | null {
  return (
    retryAfter(single(headers['retry-after']), now) ??
    unixTime(single(headers['x-retry-after']), now) ??
    durationInMessage(body.toString('latin1')) ??
    (single(headers['x-ratelimit-remaining']) === '0' ? unixTime(single(headers['x-ratelimit-reset']), now) : null)
  );
}

function retryAfter(value: string | undefined, now: number): number | null {
  if (value === undefined) return null;
  const text = value.trim();
  if (/^\d{1,10}$/.test(text)) return Number(text) * 1000;
  const date = Date.parse(text);
  return Number.isNaN(date) || !/[a-z]/i.test(text) ? null : date - now;
}

function unixTime(value: string | undefined, now: number): number | null {
  if (value === undefined || !/^\d{9,11}$/.test(value.trim())) return null;
  return Number(value) * 1000 - now;
}

const UNIT_MS: Readonly<Record<string, number>> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
};

/** `retry-after: 1.16676ms` or `1m30s`, as Go writes durations. */
function durationInMessage(message: string): number | null {
  const duration = /retry-after:\s*((?:\d+(?:\.\d+)?(?:ns|us|Âµs|µs|ms|s|m|h))+)/i.exec(message)?.[1];
  if (duration === undefined) return null;
  let total = 0;
  for (const [, amount, unit] of duration.matchAll(/(\d+(?:\.\d+)?)(ns|us|Âµs|µs|ms|s|m|h)/gi)) {
    total += Number(amount) * (UNIT_MS[unit?.toLowerCase().replace('â', '') ?? ''] ?? 0);
  }
  return total;
}
