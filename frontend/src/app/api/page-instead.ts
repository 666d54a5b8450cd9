import type { Page } from '@dtm/api-contract';

/** The api refuses pages beyond. */
export const LAST_PAGE = 1_000_000;

/** The page to go to where the one asked for is beyond the end of a list; null where it is not. */
export function pageInstead(
  asked: number,
  limit: number,
  list: Pick<Page<unknown>, 'items' | 'total'> | undefined,
): number | null {
  if (list === undefined || list.items.length > 0 || asked === 1) return null;
  const end = list.total === undefined ? 1 : Math.max(1, Math.ceil(list.total / limit));
  return asked > end ? end : null;
}
