import { SCAN_REASONS } from '@dtm/events';
import { describe, expect, it } from '@jest/globals';
import { cadenceOf } from './cadence.ts';
import { reasonInWords, spanInWords } from './words.ts';

const HOUR = 3_600_000;

describe('spanInWords', () => {
  it.each([
    [10_000, '10 seconds'],
    [1_000, '1 second'],
    [1_500, '1.5 seconds'],
    [60_000, '1 minute'],
    [90_000, '90 seconds'],
    [90 * 60_000, '90 minutes'],
    [HOUR, '1 hour'],
    [2 * HOUR, '2 hours'],
    [24 * HOUR, '1 day'],
    [7 * 24 * HOUR, '7 days'],
    [182.625 * 24 * HOUR, '183 days'],
  ])('%d ms is %s', (ms, words) => {
    expect(spanInWords(ms)).toBe(words);
  });
});

describe('reasonInWords', () => {
  it('has words of its own for each reason', () => {
    const words = SCAN_REASONS.map((reason) => reasonInWords(reason, 2 * HOUR));
    expect(new Set(words).size).toBe(SCAN_REASONS.length);
    expect(reasonInWords('interval', 2 * HOUR)).toBe('scanned every 2 hours');
  });
});

describe('cadenceOf', () => {
  const duration = (ms: number) => ({ ms, text: '' });
  it('scans quiet tags once a week, or once an interval that is longer', () => {
    const refreshDigestLastPushedCutoff = duration(180 * 24 * HOUR);
    expect(cadenceOf({ scrapeInterval: duration(2 * HOUR), refreshDigestLastPushedCutoff })).toEqual({
      intervalMs: 2 * HOUR,
      rareIntervalMs: 7 * 24 * HOUR,
      quietAfterMs: 180 * 24 * HOUR,
    });
    expect(cadenceOf({ scrapeInterval: duration(240 * HOUR), refreshDigestLastPushedCutoff }).rareIntervalMs).toBe(
      240 * HOUR,
    );
  });
});
