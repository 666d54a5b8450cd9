import type { Answer, Headers } from './exchange.ts';
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

/**
 * Milliseconds until more requests are allowed, where an answer says that it was the last one for now: `RateLimit-*` and
 * `X-RateLimit-*` with nothing remaining and a time of reset, and ACR's calls per second. Null otherwise. Docker Hub's
 * `RateLimit-Remaining: 0;w=21600` names no reset and is about pulls, of which HEAD is none.
 */
export function exhaustedFor(headers: Headers, now: Date): number | null {
  const named =
    resetAfter(headers, 'ratelimit-remaining', 'ratelimit-reset', now.getTime()) ??
    resetAfter(headers, 'x-ratelimit-remaining', 'x-ratelimit-reset', now.getTime()) ??
    resetInField(single(headers['ratelimit'])) ??
    (isNothing(single(headers['x-ms-ratelimit-remaining-calls-per-second'])) ? 1000 : null);
  return named === null || named <= 0 ? null : Math.min(named, LONGEST_MS);
}

function resetAfter(headers: Headers, remaining: string, reset: string, now: number): number | null {
  if (!isNothing(single(headers[remaining]))) return null;
  const at = single(headers[reset]);
  return unixTime(at, now) ?? (at !== undefined && /^\d{1,6}$/.test(at.trim()) ? Number(at) * 1000 : null);
}

function isNothing(remaining: string | undefined): boolean {
  return remaining !== undefined && /^\s*0\s*$/.test(remaining);
}

/** The combined field of the IETF drafts: `limit=100, remaining=0, reset=5`, later `"name";r=0;t=5`. */
function resetInField(field: string | undefined): number | null {
  if (field === undefined || !/(?:\bremaining|;\s*r)\s*=\s*0\b/i.test(field)) return null;
  const seconds = /(?:\breset|;\s*t)\s*=\s*(\d{1,6})\b/i.exec(field)?.[1];
  return seconds === undefined ? null : Number(seconds) * 1000;
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
