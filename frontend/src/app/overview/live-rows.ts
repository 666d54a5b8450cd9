import type { ChangeMessage, Page, TagSummary } from '@dtm/api-contract';

/** What came in live since the list was read. */
export interface News {
  changes: number;
  /** Tags seen for the first time that the list does not show. */
  tags: number;
  /** References of rows that were brought up to date. */
  updated: ReadonlySet<string>;
}

export const NO_NEWS: News = { changes: 0, tags: 0, updated: new Set() };

/** The list with a change written into its row. Rows keep their places: only a reload sorts anew. */
export function withChange(page: Page<TagSummary>, message: ChangeMessage): Page<TagSummary> {
  return {
    ...page,
    items: page.items.map((row) => (row.reference === message.reference ? changed(row, message) : row)),
  };
}

/** Counts a change into the news. */
export function withNews(news: News, page: Page<TagSummary> | undefined, { reference, change }: ChangeMessage): News {
  const shown = page?.items.some((row) => row.reference === reference) ?? false;
  const first = change.kind === 'baseline';
  return {
    changes: news.changes + (first ? 0 : 1),
    tags: news.tags + (first && !shown ? 1 : 0),
    updated: shown ? new Set([...news.updated, reference]) : news.updated,
  };
}

/** `3 new changes and 1 new tag`; empty where nothing is new. */
export function newsInWords({ changes, tags }: News): string {
  const counted = (count: number, one: string): string =>
    `${count.toLocaleString('en')} new ${one}${count === 1 ? '' : 's'}`;
  return [changes > 0 ? counted(changes, 'change') : '', tags > 0 ? counted(tags, 'tag') : '']
    .filter((part) => part !== '')
    .join(' and ');
}

function changed(row: TagSummary, { change }: ChangeMessage): TagSummary {
  const counts = change.kind === 'change';
  return {
    ...row,
    state: change.kind === 'disappearance' ? 'gone' : 'active',
    digest: change.digest,
    lastScannedAt: change.observedAt,
    lastChangedAt: counts ? change.observedAt : row.lastChangedAt,
    lastPushedAt: change.pushedAt === null ? row.lastPushedAt : { at: change.pushedAt, source: 'registry' },
    changeCount: row.changeCount + (counts ? 1 : 0),
    sparkline: counts
      ? row.sparkline.map((count, month) => (month === row.sparkline.length - 1 ? count + 1 : count))
      : row.sparkline,
  };
}
