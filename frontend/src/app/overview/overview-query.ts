import { SORT_ORDERS, TAG_SORTS, TAG_STATES, type SortOrder, type TagSort } from '@dtm/api-contract';
import { LAST_PAGE } from '../api/page-instead.ts';
import type { TagsQuery } from '../api/tags-api.ts';

export const PAGE_SIZES = [12, 25, 50, 100] as const;
const DEFAULT_PAGE_SIZE = 25;
const DEFAULT_SORT: TagSort = 'changes';

/** What the router reads from an address: several texts where a parameter is repeated. */
export type QueryText = string | readonly string[] | undefined;

/** What the address says, as texts or nothing. */
export type QueryTexts = Partial<Record<keyof TagsQuery, QueryText>>;

/** The order that a column is first sorted in: most and newest first, names from A. */
export function firstOrder(sort: TagSort): SortOrder {
  return sort === 'changes' || sort === 'lastChangedAt' || sort === 'trackedSince' ? 'desc' : 'asc';
}

/** Reads the address; whatever makes no sense there becomes the default. */
export function queryOf(texts: QueryTexts): TagsQuery {
  const sort = TAG_SORTS.find((known) => known === last(texts.sort)) ?? DEFAULT_SORT;
  return {
    q: last(texts.q) ?? '',
    state: TAG_STATES.find((known) => known === last(texts.state)) ?? null,
    sort,
    order: SORT_ORDERS.find((known) => known === last(texts.order)) ?? firstOrder(sort),
    page: Math.min(LAST_PAGE, wholeNumber(last(texts.page), 1, Number.MAX_SAFE_INTEGER) ?? 1),
    limit: wholeNumber(last(texts.limit), 1, 100) ?? DEFAULT_PAGE_SIZE,
  };
}

/** Who repeats a parameter means the one added last. */
function last(text: QueryText): string | undefined {
  return typeof text === 'object' ? text.at(-1) : text;
}

/** Writes the address: what is the default is left out (null takes a parameter away). */
export function textsOf(query: TagsQuery): Record<keyof TagsQuery, string | null> {
  return {
    q: query.q === '' ? null : query.q,
    state: query.state,
    sort: query.sort === DEFAULT_SORT ? null : query.sort,
    order: query.order === firstOrder(query.sort) ? null : query.order,
    page: query.page === 1 ? null : String(query.page),
    limit: query.limit === DEFAULT_PAGE_SIZE ? null : String(query.limit),
  };
}

/** The query after a click on a column: the other order where it is sorted by it already, and the first page. */
export function sortedBy(query: TagsQuery, sort: TagSort): TagsQuery {
  const order = query.sort !== sort ? firstOrder(sort) : query.order === 'asc' ? 'desc' : 'asc';
  return { ...query, sort, order, page: 1 };
}

function wholeNumber(text: string | undefined, least: number, most: number): number | null {
  if (text === undefined || !/^\d{1,15}$/.test(text)) return null;
  const number = Number(text);
  return number >= least && number <= most ? number : null;
}
