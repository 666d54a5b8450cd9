import { describe, expect, it } from '@jest/globals';
import { MAX_TAG_NAMES } from '../../tag-names.ts';
import { digestOf } from '../../testing/index.ts';
import { BulkReading } from './bulk-reading.ts';

describe('BulkReading', () => {
  const reading = (tags: string[], remembered: string[] = []): BulkReading =>
    new BulkReading({
      tags: new Set(tags),
      remembered: new Set(remembered),
      known: () => null,
      cursor: null,
      signal: undefined,
    });
  const page = (size = 1000): Promise<{ requests: number; size: number }> => Promise.resolve({ requests: 1, size });

  it('keeps of tags that nobody asks about only the names', () => {
    const one = reading(['1.0'], ['0.9']);
    for (const tag of ['1.0', '0.9', '0.8']) one.add(tag, digestOf('a'), { pushedAt: new Date() });
    const { rows, listing } = one.answer({ complete: true });
    expect([...rows.keys()]).toEqual(['1.0', '0.9']);
    expect(listing).toEqual({ tags: ['1.0', '0.9', '0.8'], complete: true });
  });

  it('breaks off where there are more names than are kept, and still knows the tags that it was asked about', async () => {
    const one = reading(['wanted', 'other', 'third']);
    await one.page(() => page());
    for (let i = 0; i < MAX_TAG_NAMES; i++) one.add(`t${i}`, digestOf('a'));
    expect(one.worthAnotherPage).toBe(true);
    one.add('wanted', digestOf('b'));
    expect(one.worthAnotherPage).toBe(false);
    const { rows, listing, restUnchanged } = one.answer({ complete: true, restUnchanged: true });
    expect([...rows]).toEqual([['wanted', { digest: digestOf('b') }]]);
    expect(listing?.complete).toBe(false);
    expect(listing?.tags).toHaveLength(MAX_TAG_NAMES);
    expect(restUnchanged).toBe(false);
  });

  it('does not count a name that comes again', async () => {
    const one = reading(['a', 'b']);
    await one.page(() => page());
    for (let i = 0; i <= MAX_TAG_NAMES; i++) one.add('same', digestOf('a'));
    expect(one.worthAnotherPage).toBe(true);
    expect(one.answer({ complete: true }).listing).toEqual({ tags: ['same'], complete: true });
  });

  it('reads no further page once all pages together are larger than any list', async () => {
    const one = reading(Array.from({ length: 200 }, (_, i) => `t${i}`));
    let pages = 0;
    do {
      await one.page(() => page(8 * 1024 * 1024));
      pages++;
    } while (one.worthAnotherPage);
    expect(pages).toBe(16);
  });
});
