import { describe, expect, it } from '@jest/globals';
import type { HistoryHead } from '@dtm/jetstream';
import { chooseTags } from './choose-tags.ts';

const day = (days: number): Date => new Date(Date.UTC(2026, 0, 1) + days * 86_400_000);
const head = (over: Partial<HistoryHead>): HistoryHead => ({
  sequence: 1,
  hash: '',
  digest: '',
  gone: false,
  observedAt: day(0),
  pushedAt: null,
  changedAt: null,
  ...over,
});
const seen = (days: number) => ({ sequence: 1, lastSeenAt: day(days), missingSince: null });

describe('chooseTags', () => {
  const heads = new Map([
    ['old-change', head({ changedAt: day(10) })],
    ['old-push', head({ pushedAt: day(10) })],
    ['young-change', head({ changedAt: day(90), pushedAt: day(10) })],
    ['young-push', head({ changedAt: day(10), pushedAt: day(90) })],
    ['latest', head({ changedAt: day(10) })],
    ['baseline', head({})],
  ]);
  const tags = [...heads.keys(), 'new'];
  const known = { head: (tag: string) => heads.get(tag) ?? null, state: new Map() };

  it('scans all where nothing is to be left out', () => {
    expect(chooseTags(tags, known, {})).toEqual({ scan: tags, skipped: [] });
  });

  it('leaves out what is quiet by its last push and its last change, but never latest nor tags of unknown age', () => {
    const choice = chooseTags(tags, known, { skipQuietSince: day(60).toISOString() });
    expect(choice.skipped).toEqual(['old-change', 'old-push']);
    expect(choice.scan).toEqual(['young-change', 'young-push', 'latest', 'baseline', 'new']);
  });

  it('begins with the tags that were not seen for longest, the unseen before all', () => {
    const state = new Map([
      ['a', seen(3)],
      ['b', seen(1)],
      ['c', seen(2)],
    ]);
    expect(chooseTags(['a', 'b', 'c', 'd'], { head: () => null, state }, {}).scan).toEqual(['d', 'b', 'c', 'a']);
  });
});
