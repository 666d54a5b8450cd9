import type { Change, ChangeMessage, Page, TagState, TagSummary } from '@dtm/api-contract';
import type { TagsQuery } from '../api/tags-api.ts';

/** What came in live since the list was read. */
export interface News {
  changes: number;
  /** Tags seen for the first time that the list does not show. */
  tags: number;
  /** References of rows that were brought up to date. */
  updated: ReadonlySet<string>;
}

export const NO_NEWS: News = { changes: 0, tags: 0, updated: new Set() };

/** The list with changes written into their rows. Rows keep their places: only a reload sorts anew. */
export function withChanges(page: Page<TagSummary>, messages: readonly ChangeMessage[]): Page<TagSummary> {
  const rows = new Map(page.items.map((row) => [row.reference, row]));
  for (const message of messages) {
    const row = rows.get(message.reference);
    if (row !== undefined) rows.set(message.reference, changed(row, message));
  }
  return { ...page, items: [...rows.values()] };
}

/** Counts changes into the news: those that the list, as it is filtered, shows or would show. */
export function withNews(
  news: News,
  page: Page<TagSummary> | undefined,
  all: readonly ChangeMessage[],
  filter: Pick<TagsQuery, 'q' | 'state'>,
): News {
  const shown = new Set(page?.items.map(({ reference }) => reference));
  const messages = all.filter((message) => shown.has(message.reference) || isListed(message, filter));
  const firsts = messages.filter(({ change }) => change.kind === 'baseline');
  const updated = messages.filter(({ reference }) => shown.has(reference)).map(({ reference }) => reference);
  return {
    changes: news.changes + messages.length - firsts.length,
    tags: news.tags + firsts.filter(({ reference }) => !shown.has(reference)).length,
    updated: updated.length === 0 ? news.updated : new Set([...news.updated, ...updated]),
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

function isListed({ reference, change }: ChangeMessage, { q, state }: Pick<TagsQuery, 'q' | 'state'>): boolean {
  return (state === null || state === stateAfter(change)) && isSought(reference, q);
}

/** As the api searches: a part of the reference, or parts of its name and tag with a colon between them. */
function isSought(reference: string, q: string): boolean {
  const sought = q.trim().toLowerCase();
  const whole = reference.toLowerCase();
  if (whole.includes(sought)) return true;
  const colon = sought.indexOf(':', sought.lastIndexOf('/') + 1);
  const end = whole.lastIndexOf(':');
  return (
    colon >= 0 &&
    whole.slice(0, end).includes(sought.slice(0, colon)) &&
    whole.slice(end + 1).includes(sought.slice(colon + 1))
  );
}

function stateAfter({ kind }: Change): TagState {
  return kind === 'disappearance' ? 'gone' : 'active';
}

function changed(row: TagSummary, { change }: ChangeMessage): TagSummary {
  // The list may have been read after it happened and before it was told.
  if (row.lastChangedAt !== null && Date.parse(change.observedAt) <= Date.parse(row.lastChangedAt)) return row;
  const counts = change.kind === 'change';
  return {
    ...row,
    state: stateAfter(change),
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
