import { describe, expect, it } from '@jest/globals';
import { parseDuration } from './duration.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

describe('parseDuration', () => {
  it.each([
    ['90s', 90_000],
    ['1h30m', 1.5 * HOUR],
    ['2h', 2 * HOUR],
    ['1d', DAY],
    ['2w', 14 * DAY],
    ['6mm', (6 * 365.25 * DAY) / 12],
    ['1y', 365.25 * DAY],
    ['1y6mm', (18 * 365.25 * DAY) / 12],
    ['0s', 0],
  ])('reads %s', (text, ms) => {
    expect(parseDuration(text)).toEqual({ ms, text });
  });

  it.each(['', '5', 'h', '2x', '1.5h', '-1h', '1h 30m', ' 1h', '1H', '2M', '1h30', '101y', '9999999999s', '1hm'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text)).toBeNull();
    },
  );
});
