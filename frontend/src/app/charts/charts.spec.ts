import { describe, expect, it } from '@jest/globals';
import { change } from '../../testing/samples.ts';
import { axisTicks } from './axis.ts';
import { calendarOf, levelOf, type Watch } from './calendar-days.ts';

const ALWAYS: Watch = { since: '2020-01-01T00:00:00Z', until: null, gaps: [] };

describe('a calendar', () => {
  const today = Date.parse('2026-11-24T00:00:00Z');

  it('begins on a Monday and ends today', () => {
    const { days } = calendarOf([], today, 53, ALWAYS);
    expect(new Date(days[0]?.at ?? NaN).getUTCDay()).toBe(1);
    expect(days.at(-1)?.at).toBe(today);
    expect(days).toHaveLength(52 * 7 + 2);
  });

  it('counts changes on the day (UTC) they were seen, and baselines not at all', () => {
    const seen = [
      change({ observedAt: '2026-11-23T23:59:59Z' }),
      change({ observedAt: '2026-11-24T00:00:00Z' }),
      change({ observedAt: '2026-11-24T01:00:00Z', kind: 'baseline' }),
    ];
    const { days } = calendarOf(seen, today, 2, ALWAYS);
    expect(days.slice(-2).map(({ changes }) => changes)).toEqual([1, 1]);
  });

  it('tells days without a change from days without a watch', () => {
    const watched = (watch: Partial<Watch>): boolean[] =>
      calendarOf([], today, 2, { ...ALWAYS, ...watch }).days.map((day) => day.watched);
    expect(watched({ since: '2026-11-23T10:00:00Z' }).slice(-3)).toEqual([false, true, true]);
    expect(watched({ until: '2026-11-22T10:00:00Z' }).slice(-3)).toEqual([true, false, false]);
    expect(watched({ since: null })).not.toContain(true);
    // Of a day that was looked at in part, something is known.
    const gaps = [{ from: '2026-11-21T20:00:00Z', to: '2026-11-23T10:00:00Z' }];
    expect(watched({ gaps }).slice(-4)).toEqual([true, false, true, true]);
  });

  it('claims nothing of days that were not read', () => {
    const newest = [change({ observedAt: '2026-11-24T08:00:00Z' }), change({ observedAt: '2026-11-22T09:00:00Z' })];
    const read = (complete: boolean): boolean[] =>
      calendarOf(newest, today, 2, ALWAYS, complete)
        .days.slice(-4)
        .map((day) => day.read);
    // The day of the oldest was read in part: what else happened on it is not known.
    expect(read(false)).toEqual([false, false, true, true]);
    expect(read(true)).toEqual([true, true, true, true]);
  });

  it('names months where they begin, with room between them', () => {
    const { months } = calendarOf([], today, 53, ALWAYS);
    expect(months.at(-1)?.label).toBe('Nov');
    const weeks = months.map(({ week }) => week);
    expect(weeks.slice(1).every((week, index) => week - (weeks[index] ?? week) >= 3)).toBe(true);
  });

  it('has five levels', () => expect([0, 1, 3, 4, 99].map(levelOf)).toEqual([0, 1, 3, 4, 4]));
});

describe('ticks of an axis', () => {
  it.each([
    [0, [0, 1, 2]],
    [1, [0, 1, 2]],
    [4, [0, 1, 2, 3, 4]],
    [28, [0, 10, 20, 30]],
    [10_480, [0, 5_000, 10_000, 15_000]],
  ])('up to %d', (most, ticks) => expect(axisTicks(most)).toEqual(ticks));
});
