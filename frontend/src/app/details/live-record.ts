import type { Change, Page, TagDetails } from '@dtm/api-contract';
import { shortDigest } from '../wording/digest.ts';

/** The first page of changes with a new one on top; as it was where it holds it already. */
export function withNewChange(page: Page<Change>, change: Change, limit: number): Page<Change> {
  if (page.items.some(({ sequence }) => sequence === change.sequence)) return page;
  const total = page.total === undefined ? undefined : page.total + 1;
  return {
    ...page,
    items: [change, ...page.items].slice(0, limit),
    ...(total === undefined ? {} : { total, pages: Math.ceil(total / limit) }),
  };
}

/** What a new change says about its tag, before the record itself is read again. */
export function changedDetails(tag: TagDetails, change: Change): TagDetails {
  const counts = change.kind === 'change' ? 1 : 0;
  const { cadence } = tag;
  return {
    ...tag,
    state: change.kind === 'disappearance' ? 'gone' : 'active',
    digest: change.digest,
    lastScannedAt: change.observedAt,
    lastChangedAt: counts === 1 ? change.observedAt : tag.lastChangedAt,
    changeCount: tag.changeCount + counts,
    cadence: {
      ...cadence,
      changes30d: cadence.changes30d + counts,
      changes90d: cadence.changes90d + counts,
      changes365d: cadence.changes365d + counts,
      watchedSince: cadence.watchedSince ?? change.observedAt,
    },
  };
}

/** What is said to those who do not see the new row. */
export function announcementOf(reference: string, change: Change): string {
  switch (change.kind) {
    case 'baseline':
      return `${reference} was seen for the first time: ${shortDigest(change.digest ?? '')}`;
    case 'change':
      return `${reference} changed: now ${shortDigest(change.digest ?? '')}`;
    case 'disappearance':
      return `${reference} is gone from its registry`;
    case 'return':
      return `${reference} returned with ${shortDigest(change.digest ?? '')}`;
  }
}
