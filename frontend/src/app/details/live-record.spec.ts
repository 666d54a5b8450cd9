import { describe, expect, it } from '@jest/globals';
import { change, details, DIGEST_B, onlyPage } from '../../testing/samples.ts';
import { announcementOf, changedDetails, withNewChange } from './live-record.ts';

describe('a live change in a record', () => {
  it('comes on top, and the page keeps its length', () => {
    const before = onlyPage(change({ sequence: 3 }), change({ sequence: 2 }));
    const after = withNewChange(before, change({ sequence: 7 }), 2);
    expect(after.items.map(({ sequence }) => sequence)).toEqual([7, 3]);
    expect(after).toMatchObject({ total: 3, pages: 2 });
  });

  it('is not told twice', () => {
    const before = onlyPage(change());
    expect(withNewChange(before, change(), 12)).toBe(before);
  });

  it('changes what the tag points to and how often it changed', () =>
    expect(changedDetails(details(), change())).toMatchObject({
      digest: DIGEST_B,
      changeCount: 32,
      lastChangedAt: '2026-11-24T12:01:00Z',
      cadence: { changes30d: 6, changes90d: 16 },
    }));

  it('begins the record with a baseline, which is no change', () => {
    const pending = details({
      state: 'pending',
      changeCount: 0,
      cadence: { ...details().cadence, watchedSince: null },
    });
    expect(changedDetails(pending, change({ kind: 'baseline' }))).toMatchObject({
      state: 'active',
      changeCount: 0,
      cadence: { watchedSince: '2026-11-24T12:01:00Z' },
    });
  });

  it.each([
    ['change', 'r changed: now sha256:b2b2b2b2…b2b2b2b2'],
    ['disappearance', 'r is gone from its registry'],
    ['return', 'r returned with sha256:b2b2b2b2…b2b2b2b2'],
  ] as const)('announces a %s', (kind, words) => expect(announcementOf('r', change({ kind }))).toBe(words));
});
