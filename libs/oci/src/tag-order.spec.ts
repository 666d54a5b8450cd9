import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { compareTagsNewestFirst, sortedNewestFirst } from './tag-order.ts';

const sorted = (tags: string[]): string[] => [...tags].sort(compareTagsNewestFirst);

describe('compareTagsNewestFirst', () => {
  it.each([
    [
      'versions by value, variants behind their version, pre-releases last of it',
      ['1.27.3', '1.27', '1.27-alpine', '1.27-rc1', '1.9', 'latest'],
    ],
    ['a leading v counts for nothing', ['v2.0', '1.9.9', 'v1.9', '1.8']],
    ['variants by name', ['3.13-alpine', '3.13-bookworm', '3.13-slim', '3.12']],
    ['variants of a longer version before the shorter one', ['1.27.3-alpine', '1.27', '1.27-alpine']],
    ['pre-releases, newest first', ['2.0.0', '2.0.0-rc10', '2.0.0-rc9', '2.0.0-beta.2', '2.0.0-alpha.11', '1.0.0']],
    ['dates', ['2026-11-02', '2026-10-31', '2026-2-1', '20']],
    ['numbers too large for a double', ['1.90071992547409931', '1.90071992547409930', '1.90071992547409929']],
    ['names without a version, by name', ['1', 'bookworm', 'bookworm-slim', 'latest', 'stable', 'nightly']],
    ['versions inside names, newest first', ['release-1.27', 'release-1.9']],
  ])('%s', (_what, tags) => {
    expect(sorted([...tags].reverse())).toEqual(tags);
    expect(sorted(tags)).toEqual(tags);
  });

  it('parts tags that differ in signs, capitals or leading zeros only', () => {
    expect(sorted(['1_0', '1.0', '1-0', '01.0', 'v1.0', 'V1.0'])).toHaveLength(6);
    expect(compareTagsNewestFirst('1.0', '1-0')).not.toBe(0);
    expect(compareTagsNewestFirst('A', 'a')).not.toBe(0);
  });
});

describe('sortedNewestFirst', () => {
  it('is that order, and splits each tag once however many there are', () => {
    const tags = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 50}.${(i * 104_729) % 97}-alpine${i % 7}-${i}`);
    const match = jest.spyOn(String.prototype, 'match');
    const found = sortedNewestFirst(tags);
    const splits = match.mock.calls.length;
    match.mockRestore();
    expect(found).toEqual(sorted(tags));
    expect(splits).toBe(tags.length);
  });
});

describe('as an order', () => {
  const tag = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,12}$/),
    fc
      .array(fc.constantFrom('1', '2', '9', '10', '01', 'v', 'a', 'rc', 'alpine', 'b', '.', '-', '_'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
  );

  it('is antisymmetric, and zero only for equal tags', () => {
    fc.assert(
      fc.property(tag, tag, (a, b) => {
        expect(Math.sign(compareTagsNewestFirst(a, b)) + Math.sign(compareTagsNewestFirst(b, a))).toBe(0);
        expect(compareTagsNewestFirst(a, b) === 0).toBe(a === b);
      }),
      { numRuns: 3000 },
    );
  });

  it('is transitive', () => {
    fc.assert(
      fc.property(tag, tag, tag, (a, b, c) => {
        const [first, second, third] = sorted([a, b, c]) as [string, string, string];
        expect(compareTagsNewestFirst(first, second)).toBeLessThanOrEqual(0);
        expect(compareTagsNewestFirst(second, third)).toBeLessThanOrEqual(0);
        expect(compareTagsNewestFirst(first, third)).toBeLessThanOrEqual(0);
      }),
      { numRuns: 5000 },
    );
  });

  it('does not depend on the order it starts from', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tag, { maxLength: 20 }), (tags) => {
        expect(sorted([...tags].reverse())).toEqual(sorted(tags));
      }),
    );
  });
});
