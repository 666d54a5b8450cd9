import { describe, expect, it } from '@jest/globals';
import { changeMessage, DIGEST_B, onlyPage, summary } from '../../testing/samples.ts';
import { newsInWords, NO_NEWS, withChanges, withNews } from './live-rows.ts';

const ALL = { q: '', state: null };
const other = summary({ reference: 'docker.io/library/redis:7', changeCount: 2 });

describe('a live change in the list', () => {
  it('is written into its row, and no row moves', () => {
    const page = withChanges(onlyPage(other, summary()), [changeMessage()]);
    expect(page.items.map(({ reference }) => reference)).toEqual([other.reference, summary().reference]);
    expect(page.items[0]).toBe(other);
    expect(page.items[1]).toMatchObject({
      digest: DIGEST_B,
      changeCount: 32,
      lastChangedAt: '2026-11-24T12:01:00Z',
      state: 'active',
    });
    expect(page.items[1]?.sparkline.at(-1)).toBe(7);
  });

  it('is counted once, also where the list was read after it', () => {
    const known = summary({ changeCount: 32, lastChangedAt: changeMessage().change.observedAt });
    expect(withChanges(onlyPage(known), [changeMessage()]).items[0]).toBe(known);
  });

  it('counts neither a baseline nor a disappearance', () => {
    const pending = summary({ state: 'pending', changeCount: 0, lastChangedAt: null, digest: null });
    const seen = withChanges(onlyPage(pending), [changeMessage({ kind: 'baseline' })]).items[0];
    expect(seen).toMatchObject({ state: 'active', changeCount: 0, lastChangedAt: null, digest: DIGEST_B });
    const gone = withChanges(onlyPage(summary()), [changeMessage({ kind: 'disappearance', digest: null })]).items[0];
    expect(gone).toMatchObject({ state: 'gone', changeCount: 31, digest: null });
  });
});

describe('the news', () => {
  it('is counted, whether its row is shown or not', () => {
    const page = onlyPage(summary());
    let news = withNews(NO_NEWS, page, [changeMessage()], ALL);
    news = withNews(news, page, [{ ...changeMessage(), reference: 'docker.io/library/redis:7' }], ALL);
    expect(newsInWords(news)).toBe('2 new changes');
    expect([...news.updated]).toEqual([summary().reference]);
    news = withNews(
      news,
      page,
      [{ ...changeMessage({ kind: 'baseline' }), reference: 'docker.io/library/redis:8' }],
      ALL,
    );
    expect(newsInWords(news)).toBe('2 new changes and 1 new tag');
  });

  it('is none for the first digest of a row that is shown', () =>
    expect(newsInWords(withNews(NO_NEWS, onlyPage(summary()), [changeMessage({ kind: 'baseline' })], ALL))).toBe(''));

  it.each([
    [{ q: 'redis', state: null }, ''],
    [{ q: 'NGINX:1.2', state: null }, '1 new change'],
    [{ q: 'gin:27', state: null }, '1 new change'],
    [{ q: 'docker.io/library/nginx:1.27', state: null }, '1 new change'],
    [{ q: '', state: 'active' as const }, '1 new change'],
    [{ q: '', state: 'gone' as const }, ''],
  ])('is none where the list is filtered by %j and would not show it', (filter, words) =>
    expect(newsInWords(withNews(NO_NEWS, onlyPage(other), [changeMessage()], filter))).toBe(words),
  );
});
