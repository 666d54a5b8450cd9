import { describe, expect, it } from '@jest/globals';
import { pageInstead } from '../api/page-instead.ts';
import { queryOf, sortedBy, textsOf, type QueryTexts } from './overview-query.ts';

describe('the address of the overview', () => {
  it('says nothing where all is as usual', () => {
    const usual = queryOf({});
    expect(usual).toEqual({ q: '', state: null, sort: 'changes', order: 'desc', page: 1, limit: 25 });
    expect(Object.values(textsOf(usual)).every((text) => text === null)).toBe(true);
  });

  it('comes back as it was written', () => {
    const query = { q: 'nginx:1', state: 'gone', sort: 'tag', order: 'desc', page: 3, limit: 50 } as const;
    const texts = textsOf(query);
    expect(
      queryOf(Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== null)) as QueryTexts),
    ).toEqual(query);
  });

  it.each([
    [{ state: 'nonsense' }, { state: null }],
    [{ sort: 'size' }, { sort: 'changes', order: 'desc' }],
    [{ sort: 'tag' }, { sort: 'tag', order: 'asc' }],
    [{ page: '0' }, { page: 1 }],
    [{ page: '-1' }, { page: 1 }],
    [{ page: '1e3' }, { page: 1 }],
    [{ page: '99999999999' }, { page: 1_000_000 }],
    [{ q: ['a', 'b'] }, { q: 'b' }],
    [{ q: [] }, { q: '' }],
    [{ page: ['2', '3'] }, { page: 3 }],
    [{ limit: '101' }, { limit: 25 }],
    [{ limit: '100' }, { limit: 100 }],
  ])('reads %j as %j', (texts, expected) => expect(queryOf(texts)).toMatchObject(expected));

  it.each([
    [9_999, { items: [], total: 2_061 }, 83],
    [2, { items: [], total: 25 }, 1],
    [2, { items: [], total: 0 }, 1],
    [2, { items: [] }, 1],
    [1, { items: [], total: 0 }, null],
    [83, { items: [], total: 2_061 }, null],
    [2, { items: [{}], total: 26 }, null],
    [9_999, undefined, null],
  ])('leads from page %d of %j to %p', (asked, list, expected) => expect(pageInstead(asked, 25, list)).toBe(expected));

  it('turns a column round at the second click, and goes to the first page', () => {
    const byTag = sortedBy(queryOf({ page: '4' }), 'tag');
    expect(byTag).toMatchObject({ sort: 'tag', order: 'asc', page: 1 });
    expect(sortedBy(byTag, 'tag').order).toBe('desc');
  });
});
