import { describe, expect, it } from '@jest/globals';
import { exhaustedFor, namedRetryTime } from './retry-time.ts';

const now = new Date('2026-11-20T12:00:00Z');
const delayOf = (headers: Record<string, string | string[]>, body = ''): number | null => {
  const time = namedRetryTime({ headers, body: Buffer.from(body) }, now);
  return time === null ? null : time.getTime() - now.getTime();
};

describe('namedRetryTime', () => {
  it.each<[string, Record<string, string | string[]>, number | null]>([
    ['seconds', { 'retry-after': '120' }, 120_000],
    ['a date', { 'retry-after': 'Fri, 20 Nov 2026 12:02:00 GMT' }, 120_000],
    ['a date of the past', { 'retry-after': 'Fri, 20 Nov 2025 12:02:00 GMT' }, 0],
    ['zero', { 'retry-after': '0' }, 0],
    ['too much', { 'retry-after': '9999999999' }, 86_400_000],
    ['less than nothing', { 'retry-after': '-5' }, null],
    ['part of a second', { 'retry-after': '1.5' }, null],
    ['words', { 'retry-after': 'soon' }, null],
    ['two headers', { 'retry-after': ['1', '2'] }, null],
    ['a Unix time', { 'x-retry-after': String(now.getTime() / 1000 + 60) }, 60_000],
    ['a delay where a Unix time belongs', { 'x-retry-after': '60' }, null],
    [
      'a reset with nothing left',
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(now.getTime() / 1000 + 60) },
      60_000,
    ],
    [
      'a reset with something left',
      { 'x-ratelimit-remaining': '3', 'x-ratelimit-reset': String(now.getTime() / 1000 + 60) },
      null,
    ],
    ['nothing', {}, null],
  ])('reads %s', (_name, headers, expected) => {
    expect(delayOf(headers)).toBe(expected);
  });

  it.each<[string, number | null]>([
    ['toomanyrequests: retry-after: 1.5ms, allowed: 44000/minute', 1.5],
    ['retry-after: 2m30s', 150_000],
    ['retry-after: 1h', 3_600_000],
    ['retry-after: 750ns', 0.00075],
    ['retry-after: 500µs', 0.5],
    ['retry-after: 500us', 0.5],
    ['retry-after: later', null],
    ['Too Many Requests', null],
  ])('reads "%s" in a body', (message, expected) => {
    const delay = delayOf({}, JSON.stringify({ errors: [{ code: 'TOOMANYREQUESTS', message }] }));
    if (expected === null) expect(delay).toBeNull();
    else expect(delay).toBeCloseTo(expected, -1);
  });
});

describe('exhaustedFor', () => {
  const inAnHour = String(now.getTime() / 1000 + 3600);
  it.each<[string, Record<string, string | string[]>, number | null]>([
    ['seconds until the reset', { 'ratelimit-remaining': '0', 'ratelimit-reset': '30' }, 30_000],
    ['the time of the reset', { 'ratelimit-remaining': '0', 'ratelimit-reset': inAnHour }, 3_600_000],
    ["Docker Hub's API", { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inAnHour }, 3_600_000],
    ['a combined field', { ratelimit: 'limit=100, remaining=0, reset=30' }, 30_000],
    ['a combined field of later drafts', { ratelimit: '"default";r=0;t=30' }, 30_000],
    ['too much', { 'ratelimit-remaining': '0', 'ratelimit-reset': '999999' }, 86_400_000],
    ["ACR's seconds", { 'x-ms-ratelimit-remaining-calls-per-second': '0' }, 1000],
    ['some that are left', { 'ratelimit-remaining': '1', 'ratelimit-reset': '30' }, null],
    ['some that are left, combined', { ratelimit: 'limit=100, remaining=10, reset=30' }, null],
    ['pulls, of which HEAD is none', { 'ratelimit-remaining': '0;w=21600', 'ratelimit-limit': '100;w=21600' }, null],
    ['no reset', { 'x-ratelimit-remaining': '0' }, null],
    ['a reset of the past', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '1700000000' }, null],
    ['nonsense', { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': 'soon' }, null],
    ['repeated headers', { 'x-ratelimit-remaining': ['0', '0'], 'x-ratelimit-reset': inAnHour }, null],
    ['nothing', {}, null],
  ])('reads %s', (_words, headers, milliseconds) => {
    expect(exhaustedFor(headers, now)).toBe(milliseconds);
  });
});
