/** Which rows of an ordered list to read, and from which end. */
export interface Window {
  limit: number;
  offset: number;
  /** Read in the opposite order, then turn the rows round: a far page is near to the other end. */
  reversed: boolean;
}

/** The shorter way to a page of a list of `total` rows; `limit` 0 where the page lies behind its end. */
export function windowOf(total: number, page: { limit: number; offset: number }): Window {
  const limit = Math.max(0, Math.min(page.limit, total - page.offset));
  const behind = total - page.offset - limit;
  if (page.offset <= behind) return { limit, offset: page.offset, reversed: false };
  return { limit, offset: Math.max(0, behind), reversed: true };
}
