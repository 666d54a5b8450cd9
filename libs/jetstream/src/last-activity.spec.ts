import { describe, expect, it } from '@jest/globals';
import type { HistoryHead } from './history-tail.ts';
import { lastActivity } from './last-activity.ts';

const day = (days: number): Date => new Date(Date.UTC(2026, 0, 1) + days * 86_400_000);
const head = (over: Partial<HistoryHead>): HistoryHead => ({
  sequence: 1,
  hash: '',
  digest: 'described',
  gone: false,
  observedAt: day(50),
  pushedAt: null,
  changedAt: null,
  ...over,
});
const builtAt = (digest: string): Date | null => (digest === 'described' ? day(10) : null);

describe('lastActivity', () => {
  it.each<[string, Partial<HistoryHead>, Date | null]>([
    ['the later of push and change', { pushedAt: day(20), changedAt: day(30) }, day(30)],
    ['whichever is there', { digest: 'other', changedAt: day(30) }, day(30)],
    ['what the registry says, not the image', { pushedAt: day(5) }, day(5)],
    ['the build date where the registry says nothing', {}, day(10)],
    ['the change, where it is later than the build', { changedAt: day(30) }, day(30)],
    ['not known, of a baseline that nobody dates', { digest: 'other' }, null],
    ['not known, of a tag that is gone', { gone: true }, null],
    ['not known by the image within a day of the event', { observedAt: day(99.5) }, null],
    ['known by the registry within that day', { observedAt: day(99.5), pushedAt: day(5) }, day(5)],
  ])('is %s', (_what, over, expected) => {
    expect(lastActivity(head(over), builtAt, day(100))).toEqual(expected);
  });
});
