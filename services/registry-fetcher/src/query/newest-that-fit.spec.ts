import { describe, expect, it } from '@jest/globals';
import { sortedNewestFirst } from '@dtm/oci';
import { newestThatFit } from './newest-that-fit.ts';

describe('newestThatFit', () => {
  it('leaves a list that fits as it is', async () => {
    expect(await newestThatFit(['1.0', '3.0', '2.0'], 18)).toEqual(['1.0', '3.0', '2.0']);
    expect(await newestThatFit(['1.0', '3.0', '2.0'], 17)).toEqual(['3.0', '2.0']);
    expect(await newestThatFit(['1.0'], 0)).toEqual([]);
  });

  it('finds the newest wherever they are in a long list, and leaves other work its turn meanwhile', async () => {
    // In an order that has nothing to do with theirs: 7919 and the length have no factor in common.
    const tags = Array.from({ length: 60_000 }, (_, i) => `1.${(i * 7919) % 60_000}`);
    let turns = 0;
    const other = setInterval(() => turns++, 0);
    const newest = await newestThatFit(tags, 100_000);
    clearInterval(other);
    expect(turns).toBeGreaterThan(1);
    expect(newest).toEqual(sortedNewestFirst(tags).slice(0, newest.length));
    const bytes = JSON.stringify(newest).length;
    expect(bytes).toBeGreaterThan(99_000);
    expect(bytes).toBeLessThanOrEqual(100_001);
  });
});
