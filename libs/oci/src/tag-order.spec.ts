import { describe, expect, it, jest } from '@jest/globals';
import fc from 'fast-check';
import { newestFirstKey, sortedNewestFirst } from './tag-order.ts';

describe('sortedNewestFirst', () => {
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
    expect(sortedNewestFirst([...tags].reverse())).toEqual(tags);
    expect(sortedNewestFirst(tags)).toEqual(tags);
  });

  it('parts tags that differ in signs, capitals or leading zeros only', () => {
    const tags = ['1_0', '1.0', '1-0', '01.0', 'v1.0', 'V1.0', 'A', 'a'];
    expect(new Set(tags.map(newestFirstKey)).size).toBe(tags.length);
    expect(sortedNewestFirst(tags)).toHaveLength(tags.length);
  });

  it('splits each tag once however many there are', () => {
    const tags = Array.from({ length: 3000 }, (_, i) => `${(i * 7919) % 50}.${(i * 104_729) % 97}-alpine${i % 7}-${i}`);
    const match = jest.spyOn(String.prototype, 'match');
    sortedNewestFirst(tags);
    const splits = match.mock.calls.length;
    match.mockRestore();
    expect(splits).toBe(tags.length);
  });
});

describe('as an order', () => {
  const tag = fc.oneof(
    fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9._-]{0,12}$/),
    fc
      .array(fc.constantFrom('1', '2', '9', '10', '01', 'v', 'a', 'rc', 'alpine', 'al', 'b', 'beta', '.', '-', '_'), {
        minLength: 1,
        maxLength: 6,
      })
      .map((parts) => parts.join('')),
  );

  it('is that of the parts, one after another', () => {
    fc.assert(
      fc.property(tag, tag, (a, b) => {
        const [left, right] = [newestFirstKey(a), newestFirstKey(b)];
        expect(left < right ? -1 : left > right ? 1 : 0).toBe(Math.sign(compareParts(a, b)));
      }),
      { numRuns: 5000 },
    );
  });

  it('does not depend on the order it starts from', () => {
    fc.assert(
      fc.property(fc.uniqueArray(tag, { maxLength: 20 }), (tags) => {
        expect(sortedNewestFirst([...tags].reverse())).toEqual(sortedNewestFirst(tags));
      }),
    );
  });
});

/** The rules as they are said, which take too long for lists of a hundred thousand. */
function compareParts(left: string, right: string): number {
  const [a, b] = [partsOf(left), partsOf(right)];
  for (let i = 0; i < Math.max(a.length, b.length); i++) {
    const order = comparePart(a[i], b[i]);
    if (order !== 0) return order;
  }
  return left === right ? 0 : left < right ? -1 : 1;
}

function partsOf(text: string): string[] {
  const parts = text.replace(/^v(?=\d)/i, '').match(/\d+|[A-Za-z]+/g) ?? [];
  return parts.map((part) => part.replace(/^0+(?=\d)/, '').toLowerCase());
}

function comparePart(a: string | undefined, b: string | undefined): number {
  const rank = rankOf(a) - rankOf(b);
  if (rank !== 0 || a === undefined || b === undefined || a === b) return rank;
  if (rankOf(a) === 0) return BigInt(a) > BigInt(b) ? -1 : 1;
  return (rankOf(a) === 3 ? -1 : 1) * (a < b ? -1 : 1);
}

/** A number, the end of the tag, a name, a pre-release. */
function rankOf(part: string | undefined): number {
  if (part === undefined) return 1;
  if (/^\d/.test(part)) return 0;
  return /^(?:alpha|beta|rc|pre|preview|dev|nightly|canary|snapshot|a|b|m)$/.test(part) ? 3 : 2;
}
