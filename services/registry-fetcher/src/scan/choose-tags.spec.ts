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

const requestedAt = day(100).toISOString();
const builtAt = (digest: string): Date | null => {
  const [, days] = /^built-(\d+)$/.exec(digest) ?? [];
  return days === undefined ? null : day(Number(days));
};

describe('chooseTags', () => {
  const heads = new Map([
    ['old-change', head({ changedAt: day(10) })],
    ['old-push', head({ pushedAt: day(10) })],
    ['young-change', head({ changedAt: day(90), pushedAt: day(10) })],
    ['young-push', head({ changedAt: day(10), pushedAt: day(90) })],
    ['latest', head({ changedAt: day(10) })],
    ['baseline', head({})],
    ['old-image', head({ digest: 'built-10' })],
    ['young-image', head({ digest: 'built-90' })],
    ['old-image-moved-late', head({ digest: 'built-10', changedAt: day(90) })],
    // What the registry says counts, not what the image says of itself.
    ['old-image-pushed-late', head({ digest: 'built-10', pushedAt: day(90) })],
    ['young-image-pushed-early', head({ digest: 'built-90', pushedAt: day(10) })],
    ['gone', head({ digest: 'built-10', gone: true })],
    // It may have been pushed a moment ago.
    ['old-image-seen-just-now', head({ digest: 'built-10', observedAt: day(99.5) })],
  ]);
  const tags = [...heads.keys(), 'new'];
  const state = new Map([...heads.keys()].map((tag) => [tag, seen(99)]));
  const known = { head: (tag: string) => heads.get(tag) ?? null, state, builtAt };

  it('scans all where nothing is to be left out', () => {
    const { scan, skipped } = chooseTags(tags, known, { requestedAt }, day(100));
    expect(scan.toSorted()).toEqual(tags.toSorted());
    expect(skipped).toEqual([]);
  });

  it('leaves out what is quiet by its last push and its last change, but never latest nor tags of unknown age', () => {
    const choice = chooseTags(tags, known, { requestedAt, skipQuietSince: day(60).toISOString() }, day(100));
    expect(choice.skipped).toEqual(['old-change', 'old-push', 'old-image', 'young-image-pushed-early']);
    expect(choice.scan).toEqual([
      'new',
      'young-change',
      'young-push',
      'latest',
      'baseline',
      'young-image',
      'old-image-moved-late',
      'old-image-pushed-late',
      'gone',
      'old-image-seen-just-now',
    ]);
  });

  it('leaves out nothing where it begins when quiet tags are due, though it was asked for before', () => {
    const request = { requestedAt, skipQuietSince: day(60).toISOString(), skipQuietUntil: day(101).toISOString() };
    expect(chooseTags(tags, known, request, new Date(day(101).getTime() - 1)).skipped).toHaveLength(4);
    expect(chooseTags(tags, known, request, day(101)).skipped).toEqual([]);
  });

  it('takes no tag for quiet of which the last scans left nothing: it is tracked again, or their state is lost', () => {
    const skipQuietSince = day(60).toISOString();
    const others = new Map([...state].filter(([tag]) => tag !== 'old-change'));
    const choice = chooseTags(tags, { ...known, state: others }, { requestedAt, skipQuietSince }, day(100));
    expect(choice.scan).toContain('old-change');
    expect(choice.skipped).toEqual(['old-push', 'old-image', 'young-image-pushed-early']);
    expect(chooseTags(tags, { ...known, state: new Map() }, { requestedAt, skipQuietSince }, day(100)).skipped).toEqual(
      [],
    );
  });

  it('begins with the tags that were not seen for longest, the unseen before all', () => {
    const last = new Map([
      ['a', seen(3)],
      ['b', seen(1)],
      ['c', seen(2)],
    ]);
    const { scan } = chooseTags(
      ['a', 'b', 'c', 'd'],
      { head: () => null, state: last, builtAt },
      { requestedAt },
      day(100),
    );
    expect(scan).toEqual(['d', 'b', 'c', 'a']);
  });
});
